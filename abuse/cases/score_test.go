package cases_test

import (
	"math"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/cases"
)

// The interval against values worked out by hand from the formula of 1927 and, for the middle one,
// by the score equation |p - hits/n| = z sqrt(p(1-p)/n), whose two roots it is.
func TestWilson(t *testing.T) {
	for _, row := range []struct {
		hits, trials int
		low, high    float64
	}{
		{0, 0, 0, 1}, {0, 1, 0, .7935}, {1, 1, .2065, 1}, {0, 10, 0, .2775}, {10, 10, .7225, 1}, {5, 10, .2366, .7634},
		{19, 20, .7639, .9911}, {81, 263, .2553, .3662}, {-3, 10, 0, .2775}, {12, 10, .7225, 1},
	} {
		low, high := cases.Wilson(row.hits, row.trials, 1.96)
		require.InDelta(t, row.low, low, 1e-4, "%d of %d", row.hits, row.trials)
		require.InDelta(t, row.high, high, 1e-4, "%d of %d", row.hits, row.trials)
	}
	for n := 1; n < 300; n += 7 {
		for hits := range n + 1 {
			low, high := cases.Wilson(hits, n, 1.96)
			p := float64(hits) / float64(n)
			require.True(t, 0 <= low && low <= p && p <= high && high <= 1)
			for _, root := range []float64{low, high} {
				require.InDelta(t, math.Abs(root-p), 1.96*math.Sqrt(root*(1-root)/float64(n)), 1e-9, "%d of %d", hits, n)
			}
		}
	}
	low, high := cases.Wilson(3, 4, math.NaN())
	require.Zero(t, low)
	require.Equal(t, 1.0, high)
}

// The interval holds the true share in about 95 of 100 cases, also near 1 where a partner should be:
// Brown, Cai and DasGupta's point, by counting.
// The coverage of the interval, exactly: the sum of the binomial chances of all counts whose interval
// holds the true share. It swings about .95 (Brown, Cai and DasGupta, 2001, figure 5).
func TestWilsonCovers(t *testing.T) {
	for _, p := range []float64{.5, .8, .95} {
		const trials = 40
		chance, covered := math.Pow(1-p, trials), 0.0
		for hits := range trials + 1 {
			if low, high := cases.Wilson(hits, trials, 1.96); low <= p && p <= high {
				covered += chance
			}
			chance *= float64(trials-hits) / float64(hits+1) * p / (1 - p)
		}
		require.InDelta(t, .95, covered, .03, "true share %v", p)
	}
}

func judged(n int, from string, v cases.Verdict, s cases.Source) cases.Feedback {
	return cases.Feedback{From: from, Signal: alleged(n, from), Verdict: v, Source: s}
}

func TestCards(t *testing.T) {
	h, clock := hearings(t, nil)

	unknown, err := h.Card(ctx, "messenger")
	require.NoError(t, err)
	require.Equal(t, cases.Card{Partner: "messenger", High: 1, Weight: 1}, unknown, "who is not known has passed our vetting")
	require.Equal(t, "messenger: 0 of 0 right, 0.00 (0.00 to 1.00), weight 1.00", unknown.String())

	for n := range 8 {
		require.NoError(t, h.Give(ctx, judged(n, "messenger", cases.Right, cases.FromReports)))
	}
	require.NoError(t, h.Give(ctx,
		judged(0, "messenger", cases.Wrong, cases.FromAppeal),
		judged(0, "messenger", cases.Right, cases.FromReview), // an appeal is above a review
		judged(1, "messenger", cases.Wrong, cases.FromReports),
		judged(1, "messenger", cases.Right, cases.FromReports), // the later one of a source
		judged(0, "bank", cases.Wrong, cases.FromPerson),
	))
	cards, err := h.Cards(ctx)
	require.NoError(t, err)
	require.Len(t, cards, 2)
	bank, messenger := cards[0], cards[1]
	require.Equal(t, "bank", bank.Partner)
	require.Equal(t, [4]cases.Count{{Right: 7}, {}, {}, {Wrong: 1}}, messenger.By)
	require.Equal(t, 7, messenger.Right)
	require.Equal(t, 1, messenger.Wrong)
	require.InDelta(t, .875, messenger.Precision, 1e-9)
	require.InDelta(t, .948, bank.Weight, 1e-3, "19 right and 2 wrong: .711 of .75")
	weights, err := h.Weights(ctx)
	require.NoError(t, err)
	require.Equal(t, map[string]float64{"bank": bank.Weight, "messenger": messenger.Weight}, weights)

	clock.add(367 * 24 * time.Hour)
	card, err := h.Card(ctx, "bank")
	require.NoError(t, err)
	require.Equal(t, cases.Card{Partner: "bank", High: 1, Weight: 1}, card, "a verdict counts for a year")
}

// More right ones never lower a weight and more wrong ones never raise it; who is always wrong ends
// near nothing, and who is always right at 1.
func TestWeight(t *testing.T) {
	last := 1.0
	h, _ := hearings(t, nil)

	for n := range 200 {
		require.NoError(t, h.Give(ctx, judged(n, "bank", cases.Wrong, cases.FromReview), judged(n, "messenger", cases.Right, cases.FromReview)))
		card, err := h.Card(ctx, "bank")
		require.NoError(t, err)
		require.Less(t, card.Weight, last)
		last = card.Weight
		good, err := h.Card(ctx, "messenger")
		require.NoError(t, err)
		require.Equal(t, 1.0, good.Weight)
	}
	require.Less(t, last, .1)
	t.Logf("after 200 wrong ones: %.3f", last)
}

// A service's own signal that comes back through a partner makes that partner no more credible, and
// does not corroborate; both with and without feedback about it.
func TestEchoIsNoMerit(t *testing.T) {
	h, _ := hearings(t, nil)

	ours := alleged(1, self)
	ours.Path = []string{"messenger"}
	passed := alleged(2, "bank")
	passed.Path = []string{self, "messenger"}
	relayed := alleged(3, "bank")
	relayed.Path = []string{"messenger"}
	for _, s := range []abuse.Signal{ours, passed, relayed} {
		require.NoError(t, h.Give(ctx, cases.Feedback{From: "messenger", Signal: s, Verdict: cases.Right, Source: cases.FromAppeal}))
	}
	card, err := h.Card(ctx, "messenger")
	require.NoError(t, err)
	require.Equal(t, 1, card.Right, "the one that the bank had found and we have not touched")
	require.Equal(t, 1, card.Relayed)

	// The rule asks for a second origin. Our own word that comes back is none, whatever its card.
	strong := alleged(4, "bank")
	strong.Confidence = 85
	policy := abuse.DefaultPolicy(self, abuse.Live)
	alone := brought("a", strong)
	echoed := brought("a", strong, ours, passed)
	require.Equal(t, abuse.Decide(alone, policy, session).Action, abuse.Decide(echoed, policy, session).Action)
	second := alleged(5, "messenger")
	require.Greater(t, abuse.Decide(brought("a", strong, second), policy, session).Action, abuse.Decide(alone, policy, session).Action,
		"while one that the messenger has found itself is: the test can tell")
	// Feedback on the decision counts for those that carried it, and the echo is not among them.
	d := abuse.Decide(echoed, policy, session)
	require.NoError(t, h.GiveOn(ctx, d, cases.Right, cases.FromReports))
	card, err = h.Card(ctx, "messenger")
	require.NoError(t, err)
	require.Equal(t, 1, card.Right)
}

func TestFeedbackIsChecked(t *testing.T) {
	h, _ := hearings(t, nil)
	for _, f := range []cases.Feedback{
		{}, judged(1, "", cases.Right, cases.FromReview), judged(1, "bank", 0, cases.FromReview), judged(1, "bank", cases.Right, 9),
		{From: "bank", Verdict: cases.Right, Source: cases.FromReview},
	} {
		var bad *abuse.Error
		require.ErrorAs(t, h.Give(ctx, f), &bad)
	}
	cards, err := h.Cards(ctx)
	require.NoError(t, err)
	require.Empty(t, cards)
}
