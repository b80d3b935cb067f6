package cases_test

import (
	"context"
	"encoding/json"
	"errors"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/cases"
)

var ctx = context.Background()

// same compares decisions by what they say: one that was stored has lost what deciding left in it.
func same(t testing.TB, want, got abuse.Decision, why string) {
	a, err := json.Marshal(want)
	require.NoError(t, err)
	b, err := json.Marshal(got)
	require.NoError(t, err)
	require.JSONEq(t, string(a), string(b), why)
}

func overturned(g cases.Ground) cases.Resolution {
	return cases.Resolution{Outcome: cases.Overturned, Ground: g}
}

// A suspension is put before a person, who upholds it: it stays what it was, and ends when its signal
// is withdrawn, with nobody asked again.
func TestUpheld(t *testing.T) {
	b := newCourt(t, self, nil)
	d := b.decide(t, brought("a", alleged(1, "messenger")))
	require.Equal(t, abuse.Suspend, d.Action)
	c := b.only(t)
	require.Equal(t, cases.Review, c.Kind)
	require.Equal(t, "step", c.Why)
	same(t, d, c.Decision, "the decision comes back from the store as it was")
	b.decide(t, brought("a")) // and back: the same decision again is the same case
	b.clock.add(-2 * time.Second)
	b.decide(t, brought("a", alleged(1, "messenger")))
	require.Equal(t, c.ID, b.only(t).ID)

	answer := b.resolve(t, c.ID, cases.Resolution{Outcome: cases.Upheld})
	require.False(t, answer.Automated)
	require.Equal(t, "Agatha", answer.Reviewer)
	require.Equal(t, abuse.Suspend, answer.Action)
	require.NotEqual(t, d.ID, answer.ID)
	same(t, answer, b.decisions(t, "a")[0], "recorded, and the latest")
	require.Equal(t, abuse.Suspend, b.action(t, "a"))
	card, err := b.Card(ctx, "messenger")
	require.NoError(t, err)
	require.Equal(t, [4]cases.Count{2: {Right: 1}}, card.By)
	closed, err := b.Closed(ctx, session, 10)
	require.NoError(t, err)
	require.Len(t, closed, 1)
	require.Equal(t, answer.ID, closed[0].Result)
	require.Equal(t, "Agatha", closed[0].Reviewer)
	all, err := b.Queue(ctx, 10)
	require.NoError(t, err)
	require.Empty(t, all)

	b.decide(t, brought("a"))
	require.Equal(t, abuse.None, b.action(t, "a"))
}

// What a person has taken back stays so, also when the evidence comes again; new evidence may act.
func TestOverturned(t *testing.T) {
	for _, ground := range []cases.Ground{cases.WrongSignal, cases.WrongPerson, cases.TooHarsh} {
		b := newCourt(t, self, nil)
		d := b.decide(t, brought("a", alleged(1, "messenger")))
		answer := b.resolve(t, b.only(t).ID, overturned(ground))
		require.Equal(t, abuse.None, answer.Action)
		require.True(t, answer.Until.IsZero())
		require.Equal(t, d.ID, answer.Undoes)
		require.Equal(t, abuse.None, b.action(t, "a"))
		revised := alleged(1, "messenger")
		revised.Revision, revised.Confidence = 2, 95
		b.decide(t, brought("a", revised))
		require.Equal(t, abuse.None, b.action(t, "a"), "it has been looked at")
		b.decide(t, brought("a", revised, alleged(2, "bank")))
		require.Equal(t, abuse.Suspend, b.action(t, "a"), "this one has not")

		card, err := b.Card(ctx, "messenger")
		require.NoError(t, err)
		wrong := 0
		if ground == cases.WrongSignal {
			wrong = 1
		}
		require.Equal(t, wrong, card.Wrong, "what is no fault of the partner's does not count: %v", ground)
		require.Zero(t, card.Right)
	}
}

func TestChanged(t *testing.T) {
	b := newCourt(t, self, nil)
	d := b.decide(t, brought("a", alleged(1, "messenger")))
	id := b.only(t).ID
	until := session.AddDate(0, 0, 2)
	for name, bad := range map[string]cases.Resolution{
		"no outcome":      {},
		"no ground":       {Outcome: cases.Overturned},
		"ground":          {Outcome: cases.Upheld, Ground: cases.WrongSignal},
		"no step":         {Outcome: cases.Changed, Until: until},
		"none":            {Outcome: cases.Changed, Step: abuse.None, Until: until},
		"no end":          {Outcome: cases.Changed, Step: abuse.Limit},
		"past":            {Outcome: cases.Changed, Step: abuse.Limit, Until: session.AddDate(0, 0, -1)},
		"far":             {Outcome: cases.Changed, Step: abuse.Limit, Until: session.AddDate(2, 0, 0)},
		"as it was":       {Outcome: cases.Changed, Step: d.Action, Until: d.Until},
		"limit for ever":  {Outcome: cases.Changed, Step: abuse.Limit, ForEver: true},
		"upheld for ever": {Outcome: cases.Upheld, ForEver: true},
		"two ends":        {Outcome: cases.Changed, Step: abuse.Disable, Until: until, ForEver: true},
		"disable, no end": {Outcome: cases.Changed, Step: abuse.Disable},
	} {
		_, err := b.tryResolve(t, id, bad)
		var problem *abuse.Error
		require.ErrorAs(t, err, &problem, name)
		require.Equal(t, abuse.Suspend, b.action(t, "a"), name)
	}
	answer := b.resolve(t, id, cases.Resolution{Outcome: cases.Changed, Step: abuse.Limit, Until: until})
	require.Equal(t, abuse.Limit, answer.Action)
	require.Equal(t, until, answer.Until)
	require.Equal(t, d.ID, answer.Undoes)
	require.Equal(t, abuse.Limit, b.action(t, "a"))
	card, err := b.Card(ctx, "messenger")
	require.NoError(t, err)
	require.Zero(t, card.Right+card.Wrong)
	b.decide(t, brought("a", alleged(1, "messenger")))
	require.Equal(t, abuse.Limit, b.action(t, "a"), "the rule does not come back")
}

// An account is closed without end by a person with a name, who says so in a word of its own.
func TestForEver(t *testing.T) {
	b := newCourt(t, self, nil)
	b.decide(t, brought("a", alleged(1, "messenger")))
	answer := b.resolve(t, b.only(t).ID, cases.Resolution{Outcome: cases.Changed, Step: abuse.Disable, ForEver: true, Reviewer: "Ben"})
	require.Equal(t, abuse.Disable, answer.Action)
	require.True(t, answer.Until.IsZero())
	require.False(t, answer.Automated)
	require.Equal(t, "Ben", answer.Reviewer)
	b.clock.add(3 * 366 * 24 * time.Hour)
	require.Equal(t, abuse.Disable, b.action(t, "a"))
}

func TestReviewerIsNamed(t *testing.T) {
	h, _ := hearings(t, nil)
	for _, name := range []string{"", " ", "...", "+33 6 12 34 56 78", "Anna 0612345678", "a\nb", "\xff", strings.Repeat("n", 129), "Anna\x00"} {
		_, err := h.Claim(ctx, uuid.New(), name)
		var bad *abuse.Error
		require.ErrorAs(t, err, &bad)
		require.NotContains(t, err.Error(), "0612345678")
	}
	for _, name := range []string{"Anna", "José Ñuñez", "reviewer-17", "李"} {
		_, err := h.Claim(ctx, uuid.New(), name)
		require.ErrorIs(t, err, cases.ErrNoCase)
	}
}

// Of many who claim at once one gets the case; who loses a claim has no say.
func TestClaims(t *testing.T) {
	b := newCourt(t, self, nil)
	b.decide(t, brought("a", alleged(1, "messenger")))
	id := b.only(t).ID
	var wg sync.WaitGroup
	var mu sync.Mutex
	var won []cases.Case
	for n := range 20 {
		wg.Go(func() {
			c, err := b.Claim(ctx, id, "reviewer "+string(rune('a'+n)))
			mu.Lock()
			defer mu.Unlock()
			if err == nil {
				won = append(won, c)
			} else if !errors.Is(err, cases.ErrClaimed) {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	require.Len(t, won, 1)
	first := won[0]
	again, err := b.Claim(ctx, id, first.Holder)
	require.NoError(t, err)
	require.ErrorIs(t, b.Release(ctx, id, first.Version), cases.ErrClaimed)
	b.clock.add(31 * time.Minute)
	second, err := b.Claim(ctx, id, "Zoe")
	require.NoError(t, err, "a claim does not stand for ever")
	answer := cases.Resolution{Version: again.Version, Reviewer: first.Holder, Outcome: cases.Upheld}
	_, err = b.Resolve(ctx, id, answer)
	require.ErrorIs(t, err, cases.ErrClaimed)
	answer.Reviewer = "Zoe"
	_, err = b.Resolve(ctx, id, answer)
	require.ErrorIs(t, err, cases.ErrClaimed, "the version is that of the claim before")
	answer.Version = second.Version
	_, err = b.Resolve(ctx, id, answer)
	require.NoError(t, err)
	_, err = b.Resolve(ctx, id, answer)
	require.ErrorIs(t, err, cases.ErrClosed)
	_, err = b.Claim(ctx, id, "Zoe")
	require.ErrorIs(t, err, cases.ErrClosed)
	require.ErrorIs(t, b.Release(ctx, id, second.Version), cases.ErrClosed)
	_, err = b.Case(ctx, uuid.New())
	require.ErrorIs(t, err, cases.ErrNoCase)
}

// A person upholds what he has seen: if other signals carry the step by now, he is asked to look. Who
// takes back what the case is about need not.
func TestMoved(t *testing.T) {
	b := newCourt(t, self, nil)
	b.decide(t, brought("a", alleged(1, "messenger")))
	id := b.only(t).ID
	c, err := b.Claim(ctx, id, "Agatha")
	require.NoError(t, err)
	later := b.decide(t, brought("a", alleged(2, "bank")))
	require.Equal(t, abuse.Suspend, later.Action)
	for _, r := range []cases.Resolution{{Outcome: cases.Upheld}, {Outcome: cases.Changed, Step: abuse.Disable, ForEver: true}} {
		r.Version, r.Reviewer = c.Version, "Agatha"
		_, err = b.Resolve(ctx, id, r)
		require.ErrorIs(t, err, cases.ErrMoved)
		require.Equal(t, abuse.Suspend, b.action(t, "a"))
	}
	c, err = b.Claim(ctx, id, "Agatha")
	require.NoError(t, err)
	same(t, later, c.Current, "the case has what is in force by now")
	b.decide(t, brought("a", alleged(3, "bank")))
	r := overturned(cases.WrongSignal)
	r.Version, r.Reviewer = c.Version, "Agatha"
	_, err = b.Resolve(ctx, id, r)
	require.NoError(t, err)
	require.Equal(t, abuse.Suspend, b.action(t, "a"), "by a signal that the decision was not about")
	b.resolve(t, b.only(t).ID, overturned(cases.WrongSignal))
	require.Equal(t, abuse.None, b.action(t, "a"))
}

// What is gone cannot be upheld: the case closes, and nothing is in force by it.
func TestUpheldTooLate(t *testing.T) {
	b := newCourt(t, self, nil)
	b.decide(t, brought("a", alleged(1, "messenger")))
	id := b.only(t).ID
	b.decide(t, brought("a"))
	require.Equal(t, abuse.Decision{}, b.resolve(t, id, cases.Resolution{Outcome: cases.Upheld}))
	require.Equal(t, abuse.None, b.action(t, "a"))
	require.Len(t, b.decisions(t, "a"), 2)
}

// Nor is a step upheld that another has taken the place of: the account stays under that one.
func TestUpheldUnderAnother(t *testing.T) {
	b := newCourt(t, self, nil)
	b.decide(t, brought("a", alleged(1, "messenger")))
	id := b.only(t).ID
	weak := alleged(1, "messenger")
	weak.Revision, weak.Confidence, weak.Review = 2, 60, abuse.ReviewAutomatic
	now := b.decide(t, brought("a", weak))
	require.Less(t, now.Action, abuse.Suspend)
	require.Greater(t, now.Action, abuse.None)
	require.Equal(t, abuse.Decision{}, b.resolve(t, id, cases.Resolution{Outcome: cases.Upheld}))
	require.Equal(t, now.Action, b.action(t, "a"))
}

// Decisions of an account have one order, also where the clock was set back.
func TestClockBack(t *testing.T) {
	b := newCourt(t, self, nil)
	d := b.decide(t, brought("a", alleged(1, "messenger")))
	b.clock.add(-time.Hour)
	answer := b.resolve(t, b.only(t).ID, overturned(cases.WrongPerson))
	require.True(t, answer.At.After(d.At))
	require.Equal(t, answer.ID, b.decisions(t, "a")[0].ID)
}

// A review is not asked for again and again: while one is open, or where a person has upheld what the
// signals carry; what is new is looked at.
func TestOneReviewAtATime(t *testing.T) {
	b := newCourt(t, self, nil)
	b.decide(t, brought("a", alleged(1, "messenger")))
	first := b.only(t)
	b.decide(t, brought("a", alleged(1, "messenger"), alleged(2, "messenger")))
	require.Equal(t, first.ID, b.only(t).ID)
	b.resolve(t, first.ID, cases.Resolution{Outcome: cases.Upheld})
	b.decide(t, brought("a", alleged(2, "messenger")))
	all, err := b.Queue(ctx, 10)
	require.NoError(t, err)
	require.Empty(t, all, "the person has seen both")
	b.decide(t, brought("a", alleged(3, "messenger")))
	require.NotEqual(t, first.ID, b.only(t).ID)

	of, err := b.Of(ctx, "a", 10)
	require.NoError(t, err)
	require.Len(t, of, 2)
	b.decide(t, brought("b", alleged(4, "messenger")))
	require.NoError(t, b.store.Update(ctx, func(w abuse.Writer) error { return b.Forget(w, "a") }))
	require.Equal(t, "b", b.only(t).Decision.Account)
	of, err = b.Of(ctx, "a", 10)
	require.NoError(t, err)
	require.Empty(t, of)
	require.NoError(t, b.store.View(ctx, func(r abuse.Reader) error {
		rows, err := r.Scan(abuse.Cases, nil, nil, 1000)
		require.Len(t, rows, 5, "those of b: case, queue, late, of and last")
		return err
	}))
	require.NoError(t, b.Work(ctx))
}

// What meets a cap is not put before people instead.
func TestFloodOfCases(t *testing.T) {
	b := newCourt(t, self, func(c *cases.HearingsConfig) { c.ReviewFrom, c.Sample = abuse.Label, 1 })
	for n := range 300 {
		b.decide(t, brought("a"+strconv.Itoa(n), alleged(n+1, "messenger")))
	}
	f, err := b.Figures(ctx, session)
	require.NoError(t, err)
	require.LessOrEqual(t, f.Open, 100, "the cap of a partner in a day")
	require.Greater(t, f.Open, 0)
}

func TestWhatIsReviewed(t *testing.T) {
	weak := alleged(1, "messenger")
	weak.Confidence, weak.Review = 60, abuse.ReviewAutomatic
	for name, row := range map[string]struct {
		change func(*cases.HearingsConfig)
		why    string
	}{
		"default": {nil, ""},
		"from":    {func(c *cases.HearingsConfig) { c.ReviewFrom = abuse.Label }, "step"},
		"rule":    {func(c *cases.HearingsConfig) { c.ReviewRule = func(rule string) bool { return rule != "none" } }, "rule"},
		"sample":  {func(c *cases.HearingsConfig) { c.Sample = 1 }, "sample"},
	} {
		b := newCourt(t, self, row.change)
		d := b.decide(t, brought("a", weak))
		require.Greater(t, d.Action, abuse.None)
		require.Less(t, d.Action, abuse.Suspend)
		all, err := b.Queue(ctx, 10)
		require.NoError(t, err)
		if row.why == "" {
			require.Empty(t, all, name)
			continue
		}
		require.Len(t, all, 1, name)
		require.Equal(t, row.why, all[0].Why)
		b.decide(t, brought("nothing"))
		require.Equal(t, all[0].ID, b.only(t).ID, "where nothing is done nothing is reviewed")
	}
	n := 0
	b := newCourt(t, self, func(c *cases.HearingsConfig) { c.Sample = .25 })
	for i := range 80 {
		b.decide(t, brought("a"+string(rune('0'+i)), weak))
	}
	all, err := b.Queue(ctx, 1000)
	require.NoError(t, err)
	n = len(all)
	require.True(t, n >= 5 && n <= 40, "%d of 80", n)
}

// Cases that have passed their time are listed, and told of once.
func TestOverdue(t *testing.T) {
	var rung []cases.Case
	b := newCourt(t, self, func(c *cases.HearingsConfig) { c.Overdue = func(c cases.Case) { rung = append(rung, c) } })
	b.decide(t, brought("a", alleged(1, "messenger")))
	b.clock.add(time.Hour)
	b.decide(t, brought("b", alleged(1, "messenger")))
	require.NoError(t, b.Work(ctx))
	require.Empty(t, rung)
	b.clock.add(3*24*time.Hour - time.Minute)
	for range 3 {
		require.NoError(t, b.Work(ctx))
	}
	require.Len(t, rung, 1)
	require.Equal(t, "a", rung[0].Decision.Account)
	late, err := b.Late(ctx, 10)
	require.NoError(t, err)
	require.Len(t, late, 1)
	require.True(t, late[0].Late(b.clock.now()))
	f, err := b.Figures(ctx, session)
	require.NoError(t, err)
	require.Equal(t, cases.Figures{Open: 2, Reviews: 2, Late: 1}, f)
	b.resolve(t, late[0].ID, overturned(cases.WrongPerson))
	b.clock.add(24 * time.Hour)
	require.NoError(t, b.Work(ctx))
	require.Len(t, rung, 2)
	f, err = b.Figures(ctx, session)
	require.NoError(t, err)
	require.Equal(t, cases.Figures{Open: 1, Reviews: 1, Late: 1, Overturned: 1}, f)
}

// A person's decision is handed on until it was taken.
func TestDeliver(t *testing.T) {
	var taken []abuse.Decision
	down := true
	b := newCourt(t, self, func(c *cases.HearingsConfig) {
		c.Deliver = func(_ context.Context, d abuse.Decision) error {
			if down {
				return errors.New("down")
			}
			taken = append(taken, d)
			return nil
		}
	})
	b.decide(t, brought("a", alleged(1, "messenger")))
	d := b.resolve(t, b.only(t).ID, overturned(cases.WrongPerson))
	require.Error(t, b.Work(ctx))
	require.Empty(t, taken)
	down = false
	require.NoError(t, b.Work(ctx))
	require.NoError(t, b.Work(ctx))
	require.Len(t, taken, 1)
	same(t, d, taken[0], "the one that was made")
}

func TestHearingsConfig(t *testing.T) {
	_, err := cases.NewHearings(cases.HearingsConfig{Sample: 2, ReviewWithin: -1, Score: cases.ScoreConfig{Target: 2}})
	for _, field := range []string{"desk", "self", "key", "sample", "review_within", "target"} {
		require.ErrorContains(t, err, field)
	}
}
