package cases_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/cases"
)

func appeals(t testing.TB, b *court) (all []cases.Case) {
	queue, err := b.Queue(ctx, 100)
	require.NoError(t, err)
	for _, c := range queue {
		if c.Kind != cases.Review {
			all = append(all, c)
		}
	}
	return all
}

// One appeal reaches every service that acted on the signal: the messenger's signal suspends an
// account at each of two services, the holder of one appeals there, a person at the messenger finds
// that the signal was wrong, and both accounts are free, one of which nobody appealed for. Package
// watch carries the withdrawal; here a function does.
func TestOneAppealReachesAll(t *testing.T) {
	const account = "account-of-nobody-else"
	signal := alleged(1, "messenger")
	var services []*court
	withdrawn := 0
	var carried []cases.AppealReference
	origin := newCourt(t, "messenger", func(c *cases.HearingsConfig) {
		c.Retract = func(_ context.Context, id uuid.UUID) error {
			require.Equal(t, signal.ID, id)
			withdrawn++
			for _, s := range services { // as a feed does: the evidence is decided on without it
				s.decide(t, brought(account))
			}
			return nil
		}
	})
	carry := func(name string) func(*cases.HearingsConfig) {
		return func(c *cases.HearingsConfig) {
			c.Key = []byte(strings.Repeat(name, 32))
			c.Carry = func(_ context.Context, ref cases.AppealReference) error {
				carried = append(carried, ref)
				_, err := origin.Contest(ctx, name, ref)
				return err
			}
		}
	}
	services = []*court{newCourt(t, "social", carry("social")), newCourt(t, "market", carry("market"))}
	var decisions []abuse.Decision
	for _, s := range services {
		decisions = append(decisions, s.decide(t, brought(account, signal)))
		require.Equal(t, abuse.Suspend, s.action(t, account))
	}

	appeal, err := services[0].Open(ctx, account, decisions[0].ID)
	require.NoError(t, err)
	require.Equal(t, cases.Appeal, appeal.Kind)
	require.Equal(t, abuse.Suspend, services[0].action(t, account), "an appeal alone undoes nothing")
	require.NoError(t, services[0].Work(ctx))
	require.NoError(t, services[0].Work(ctx))
	require.Len(t, carried, 1, "once it was taken it is not carried again")
	body, err := json.Marshal(carried[0])
	require.NoError(t, err)
	require.NotContains(t, string(body), account)
	require.NotContains(t, string(body), decisions[0].ID.String())
	require.NotContains(t, string(body), appeal.ID.String())

	contested := appeals(t, origin)
	require.Len(t, contested, 1)
	require.Equal(t, cases.Contested, contested[0].Kind)
	require.Equal(t, "social", contested[0].From)
	require.Equal(t, carried[0].Reference, contested[0].Reference)
	require.Equal(t, abuse.Decision{}, origin.resolve(t, contested[0].ID, overturned(cases.WrongSignal)))
	require.Equal(t, 1, withdrawn)
	require.NoError(t, origin.Work(ctx))
	require.Equal(t, 1, withdrawn)
	for _, s := range services {
		require.Equal(t, abuse.None, s.action(t, account), s.name)
	}

	// The appeal has its own answer here, by a person, and what it was about is gone already.
	answer := services[0].resolve(t, appeal.ID, overturned(cases.WrongSignal))
	require.Equal(t, abuse.None, answer.Action)
	card, err := services[0].Card(ctx, "messenger")
	require.NoError(t, err)
	require.Equal(t, [4]cases.Count{3: {Wrong: 1}}, card.By)
}

// The receiver's person grants the appeal: the step is undone and the partner's card has it, also
// over what a review had said, whatever the origin finds.
func TestAppealGranted(t *testing.T) {
	b := newCourt(t, self, nil)
	d := b.decide(t, brought("a", alleged(1, "messenger")))
	b.resolve(t, b.only(t).ID, cases.Resolution{Outcome: cases.Upheld, Reviewer: "Anna"})
	b.clock.add(24 * time.Hour)
	appeal, err := b.Open(ctx, "a", d.ID)
	require.NoError(t, err)
	again, err := b.Open(ctx, "a", d.ID)
	require.NoError(t, err)
	require.Equal(t, appeal.ID, again.ID)
	require.Equal(t, b.clock.now().Add(14*24*time.Hour), appeal.Due)
	answer := b.resolve(t, appeal.ID, overturned(cases.WrongSignal))
	require.False(t, answer.Automated)
	require.Contains(t, answer.Reason, "After an appeal")
	require.Equal(t, abuse.None, b.action(t, "a"))
	card, err := b.Card(ctx, "messenger")
	require.NoError(t, err)
	require.Equal(t, [4]cases.Count{3: {Wrong: 1}}, card.By, "the appeal is above the review")
	closed, err := b.Open(ctx, "a", d.ID)
	require.NoError(t, err)
	require.Equal(t, cases.Overturned, closed.Outcome, "a decision is appealed against once")
}

// A person's own step can be appealed against in turn.
func TestAppealAgainstPerson(t *testing.T) {
	b := newCourt(t, self, nil)
	b.decide(t, brought("a", alleged(1, "messenger")))
	forEver := b.resolve(t, b.only(t).ID, cases.Resolution{Outcome: cases.Changed, Step: abuse.Disable, ForEver: true})
	appeal, err := b.Open(ctx, "a", forEver.ID)
	require.NoError(t, err)
	b.resolve(t, appeal.ID, overturned(cases.WrongPerson))
	require.Equal(t, abuse.None, b.action(t, "a"))
}

func TestAppealsThatCannotBe(t *testing.T) {
	b := newCourt(t, self, nil)
	d := b.decide(t, brought("a", alleged(1, "messenger")))
	none := b.decide(t, brought("b"))
	_, err := b.Open(ctx, "a", uuid.New())
	require.ErrorIs(t, err, cases.ErrNoDecision)
	_, err = b.Open(ctx, "b", d.ID)
	require.ErrorIs(t, err, cases.ErrNoDecision, "it is about another account")
	_, err = b.Open(ctx, strings.Repeat("x", 1000), d.ID)
	require.ErrorIs(t, err, cases.ErrNoDecision)
	var bad *abuse.Error
	_, err = b.Open(ctx, "b", none.ID)
	require.ErrorAs(t, err, &bad)
	b.clock.add(183*24*time.Hour + time.Minute)
	_, err = b.Open(ctx, "a", d.ID)
	require.ErrorIs(t, err, cases.ErrTooLate)
}

// References: another for every partner, signal, appeal and key, none for an echo, and what fails is
// carried again.
func TestReferences(t *testing.T) {
	seen := map[cases.Reference]bool{}
	for _, key := range []byte{0, 1} {
		for _, account := range []string{"a", "b"} {
			var got []cases.AppealReference
			fail := true
			b := newCourt(t, self, func(c *cases.HearingsConfig) {
				c.Key = append(make([]byte, 31), key)
				c.Carry = func(_ context.Context, ref cases.AppealReference) error {
					if fail {
						return errors.New("down")
					}
					got = append(got, ref)
					return nil
				}
			})
			relayed := alleged(2, "bank")
			relayed.Path = []string{"market"}
			d := b.decide(t, brought(account, alleged(1, "messenger"), relayed))
			require.Len(t, d.Signals, 2)
			_, err := b.Open(ctx, account, d.ID)
			require.NoError(t, err)
			require.Error(t, b.Work(ctx))
			fail = false
			require.NoError(t, b.Work(ctx))
			require.Len(t, got, 2)
			require.Equal(t, "market", got[0].To, "it goes the way that the signal came")
			require.Equal(t, "messenger", got[1].To)
			for _, ref := range got {
				require.False(t, seen[ref.Reference])
				seen[ref.Reference] = true
				require.Zero(t, ref.Due.Sub(ref.Due.Truncate(24*time.Hour)), "a day and no more")
				var back cases.Reference
				require.NoError(t, back.UnmarshalText([]byte(ref.Reference.String())))
				require.Equal(t, ref.Reference, back)
			}
		}
	}
	require.Len(t, seen, 8)
	for _, text := range []string{"", "00", strings.Repeat("g", 64), strings.Repeat("0", 66)} {
		var r cases.Reference
		var bad *abuse.Error
		require.ErrorAs(t, r.UnmarshalText([]byte(text)), &bad)
		require.Zero(t, r)
	}
}

// A partner can fill its own share of the queue here and no more.
func TestContest(t *testing.T) {
	retracted := 0
	b := newCourt(t, "messenger", func(c *cases.HearingsConfig) {
		c.MostContested = 3
		c.Retract = func(context.Context, uuid.UUID) error {
			if retracted++; retracted == 1 {
				return errors.New("down")
			}
			return nil
		}
	})
	ref := cases.AppealReference{To: "messenger", Reference: cases.Reference{1}, Signal: allegedID(1), Due: session.AddDate(0, 0, 5)}
	for n, change := range []func(*cases.AppealReference){
		func(r *cases.AppealReference) { r.To = "bank" }, func(r *cases.AppealReference) { r.Reference = cases.Reference{} },
		func(r *cases.AppealReference) { r.Signal = uuid.Nil },
	} {
		bad := ref
		change(&bad)
		_, err := b.Contest(ctx, "social", bad)
		var problem *abuse.Error
		require.ErrorAs(t, err, &problem, "%d", n)
	}
	c, err := b.Contest(ctx, "social", ref)
	require.NoError(t, err)
	require.Equal(t, ref.Due, c.Due, "the partner may want it sooner than we would answer")
	same, err := b.Contest(ctx, "social", ref)
	require.NoError(t, err)
	require.Equal(t, c.ID, same.ID)
	for n := byte(2); n <= 3; n++ {
		late := cases.AppealReference{To: "messenger", Reference: cases.Reference{n}, Signal: allegedID(int(n)), Due: session.AddDate(1, 0, 0)}
		c, err := b.Contest(ctx, "social", late)
		require.NoError(t, err)
		require.Equal(t, session.Add(14*24*time.Hour), c.Due)
	}
	more := cases.AppealReference{To: "messenger", Reference: cases.Reference{9}, Signal: allegedID(9)}
	_, err = b.Contest(ctx, "social", more)
	require.ErrorIs(t, err, cases.ErrTooMany)
	_, err = b.Contest(ctx, "socialist", more) // whose name begins with the other's
	require.NoError(t, err)

	_, err = b.tryResolve(t, c.ID, cases.Resolution{Outcome: cases.Changed, Step: abuse.Limit, Until: session.AddDate(0, 0, 1)})
	var bad *abuse.Error
	require.ErrorAs(t, err, &bad, "a signal is right or wrong")
	b.resolve(t, c.ID, overturned(cases.WrongSignal))
	require.Equal(t, 1, retracted)
	require.NoError(t, b.Work(ctx))
	require.NoError(t, b.Work(ctx))
	require.Equal(t, 2, retracted, "what failed is owed")
	_, err = b.Contest(ctx, "social", more)
	require.NoError(t, err, "one is closed")
	cards, err := b.Cards(ctx)
	require.NoError(t, err)
	require.Empty(t, cards, "our own signals are nobody's score")
	f, err := b.Figures(ctx, session)
	require.NoError(t, err)
	require.Equal(t, cases.Figures{Open: 4, Contested: 4}, f)
}

func FuzzReference(f *testing.F) {
	f.Add(strings.Repeat("0a", 32))
	f.Add("")
	f.Fuzz(func(t *testing.T, text string) {
		var r cases.Reference
		if r.UnmarshalText([]byte(text)) != nil {
			require.Zero(t, r)
			return
		}
		require.Equal(t, strings.ToLower(text), r.String())
	})
}

// A partner that wants all its answers at once does not put them before the reviews that there are.
func TestContestAtOnce(t *testing.T) {
	b := newCourt(t, "messenger", nil)
	b.decide(t, brought("a", alleged(1, "bank")))
	review := b.only(t)
	for n := range 3 {
		c, err := b.Contest(ctx, "social", cases.AppealReference{To: "messenger", Reference: cases.Reference{1}, Signal: allegedID(9 + n),
			Due: session.Add(time.Minute)})
		require.NoError(t, err)
		require.False(t, c.Due.Before(review.Due))
	}
	all, err := b.Queue(ctx, 1)
	require.NoError(t, err)
	require.Equal(t, review.ID, all[0].ID)
}

// An appeal against what a person has made of a step reaches all who sent what carried it by then, also
// those who were not yet heard in the decision that the case was opened for.
func TestAppealAgainstRuling(t *testing.T) {
	for _, r := range []cases.Resolution{{Outcome: cases.Changed, Step: abuse.Limit, Until: session.AddDate(0, 0, 40)},
		{Outcome: cases.Changed, Step: abuse.Disable, ForEver: true}} {
		told := map[string]int{}
		b := newCourt(t, self, func(c *cases.HearingsConfig) {
			c.Carry = func(_ context.Context, ref cases.AppealReference) error { told[ref.To]++; return nil }
		})
		b.decide(t, brought("a", alleged(2, "messenger")))
		b.decide(t, brought("a", alleged(2, "messenger"), alleged(1, "bank"), trivial(3, "market")))
		d := b.resolve(t, b.only(t).ID, r)
		require.Equal(t, []uuid.UUID{allegedID(1), allegedID(2)}, d.Signals)
		appeal, err := b.Open(ctx, "a", d.ID)
		require.NoError(t, err)
		require.NoError(t, b.Work(ctx))
		require.Equal(t, map[string]int{"bank": 1, "messenger": 1}, told)
		b.resolve(t, appeal.ID, overturned(cases.WrongSignal))
		require.Equal(t, abuse.None, b.action(t, "a"))
		for _, partner := range []string{"bank", "messenger"} {
			card, err := b.Card(ctx, partner)
			require.NoError(t, err)
			require.Equal(t, 1, card.Wrong, partner)
		}
	}
}
