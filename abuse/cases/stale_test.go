package cases_test

import (
	"context"
	"encoding/binary"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/abusetest"
	"github.com/hueandcry/hueandcry/abuse/cases"
)

// trivial is a signal that carries nothing by itself.
func trivial(n int, origin string) abuse.Signal {
	s := alleged(n, origin)
	s.Confidence, s.Class, s.Severity = 1, abuse.Predictive, abuse.Low
	return s
}

// Who upholds an old mild step has not answered for the harsher one of today, which has a review of its own.
func TestUpheldLeavesHarsher(t *testing.T) {
	mild := alleged(1, "messenger")
	mild.Confidence, mild.Review = 60, abuse.ReviewAutomatic
	b := newCourt(t, self, func(c *cases.HearingsConfig) { c.ReviewFrom = abuse.Label })
	old := b.decide(t, brought("a", mild))
	review := b.only(t)
	today := b.decide(t, brought("a", mild, alleged(2, "bank")))
	require.Less(t, old.Action, today.Action)
	require.Equal(t, abuse.Decision{}, b.resolve(t, review.ID, cases.Resolution{Outcome: cases.Upheld}))
	require.Equal(t, today.ID, b.only(t).Decision.ID)
	b.resolve(t, b.only(t).ID, cases.Resolution{Outcome: cases.Upheld})
	require.Equal(t, today.Action, b.action(t, "a"))
	all, err := b.Queue(ctx, 10)
	require.NoError(t, err)
	require.Empty(t, all)
}

// No account is closed for good on evidence that is gone.
func TestUpheldForEverGone(t *testing.T) {
	r := alleged(1, "messenger")
	r.Confidence, r.Severity = 100, abuse.Critical
	r2 := r
	r2.ID, r2.Origin = allegedID(2), "bank"
	for _, gone := range []bool{true, false} {
		b := newCourt(t, self, nil)
		require.Equal(t, abuse.Disable, b.decide(t, brought("a", r, r2)).Action)
		review, want := b.only(t).ID, abuse.Disable
		if gone {
			b.decide(t, brought("a"))
			want = abuse.None
		}
		answer := b.resolve(t, review, cases.Resolution{Outcome: cases.Upheld, ForEver: true})
		require.Equal(t, gone, answer.ID == uuid.Nil)
		require.Equal(t, want, b.action(t, "a"))
		b.clock.add(3 * 366 * 24 * time.Hour)
		require.Equal(t, want, b.action(t, "a"))
	}
}

// What a person has ruled since the claim is not lifted unseen.
func TestStaleOverturn(t *testing.T) {
	for _, ruled := range []cases.Resolution{
		{Outcome: cases.Changed, Step: abuse.Disable, ForEver: true, Reviewer: "Ben"},
		{Outcome: cases.Changed, Step: abuse.Limit, Until: session.AddDate(0, 0, 3), Reviewer: "Ben"},
	} {
		b := newCourt(t, self, nil)
		b.decide(t, brought("a", alleged(1, "messenger")))
		d := b.decide(t, brought("a", alleged(1, "messenger"))) // which is not the review's
		c, err := b.Claim(ctx, b.only(t).ID, "Agatha")
		require.NoError(t, err)
		appeal, err := b.Open(ctx, "a", d.ID)
		require.NoError(t, err)
		b.resolve(t, appeal.ID, ruled)
		r := overturned(cases.WrongPerson)
		r.Version, r.Reviewer = c.Version, "Agatha"
		_, err = b.Resolve(ctx, c.ID, r)
		require.ErrorIs(t, err, cases.ErrMoved)
		require.Equal(t, ruled.Step, b.action(t, "a"))
		b.resolve(t, c.ID, overturned(cases.WrongPerson))
		require.Equal(t, abuse.None, b.action(t, "a"), "it has been seen now")
	}
}

// What a person has upheld since the claim is taken back or made milder by nobody who does not know it,
// whatever came in behind it; another may uphold it, too.
func TestStaleOverUpheld(t *testing.T) {
	milder := cases.Resolution{Outcome: cases.Changed, Step: abuse.Limit, Until: session.AddDate(0, 0, 3)}
	for _, late := range []cases.Resolution{overturned(cases.WrongPerson), milder, {Outcome: cases.Upheld}} {
		b := newCourt(t, self, nil)
		b.decide(t, brought("a", alleged(1, "messenger")))
		d := b.decide(t, brought("a", alleged(1, "messenger"))) // which is not the review's
		c, err := b.Claim(ctx, b.only(t).ID, "Agatha")
		require.NoError(t, err)
		appeal, err := b.Open(ctx, "a", d.ID)
		require.NoError(t, err)
		b.resolve(t, appeal.ID, cases.Resolution{Outcome: cases.Upheld, Reviewer: "Ben"})
		b.decide(t, brought("a", alleged(1, "messenger"), trivial(9, "bank")))
		r := late
		r.Version, r.Reviewer = c.Version, "Agatha"
		_, err = b.Resolve(ctx, c.ID, r)
		if late.Outcome == cases.Upheld {
			require.NoError(t, err)
			continue
		}
		require.ErrorIs(t, err, cases.ErrMoved)
		require.Equal(t, abuse.Suspend, b.action(t, "a"))
		b.resolve(t, c.ID, late)
		require.Less(t, b.action(t, "a"), abuse.Suspend, "she knows it now")
	}
}

// A partner that sends something before each answer does not keep a person from giving relief; nor does
// a mere revision keep one from upholding.
func TestAnswersAreNotHeldUp(t *testing.T) {
	until := session.AddDate(0, 0, 2)
	again := alleged(1, "messenger")
	again.Revision, again.Confidence = 2, 86
	for name, row := range map[string]struct {
		answer cases.Resolution
		now    []abuse.Signal
		want   abuse.Action
	}{
		"trivial, overturned":  {overturned(cases.WrongSignal), []abuse.Signal{alleged(1, "messenger"), trivial(9, "messenger")}, abuse.None},
		"trivial, changed":     {cases.Resolution{Outcome: cases.Changed, Step: abuse.Limit, Until: until}, []abuse.Signal{alleged(1, "messenger"), trivial(9, "messenger")}, abuse.Limit},
		"trivial, upheld":      {cases.Resolution{Outcome: cases.Upheld}, []abuse.Signal{alleged(1, "messenger"), trivial(9, "messenger")}, abuse.Suspend},
		"revision, overturned": {overturned(cases.WrongSignal), []abuse.Signal{again}, abuse.None},
		"revision, changed":    {cases.Resolution{Outcome: cases.Changed, Step: abuse.Limit, Until: until}, []abuse.Signal{again}, abuse.Limit},
		"revision, upheld":     {cases.Resolution{Outcome: cases.Upheld}, []abuse.Signal{again}, abuse.Suspend},
	} {
		b := newCourt(t, self, nil)
		b.decide(t, brought("a", alleged(1, "messenger")))
		c, err := b.Claim(ctx, b.only(t).ID, "Agatha")
		require.NoError(t, err)
		b.clock.add(time.Minute)
		b.decide(t, brought("a", row.now...))
		row.answer.Version, row.answer.Reviewer = c.Version, "Agatha"
		d, err := b.Resolve(ctx, c.ID, row.answer)
		require.NoError(t, err, name)
		require.Equal(t, "Agatha", d.Reviewer, name)
		require.Equal(t, row.want, b.action(t, "a"), name)
		b.clock.add(time.Minute)
		b.decide(t, brought("a", row.now...))
		require.Equal(t, row.want, b.action(t, "a"), name)
	}
	b := newCourt(t, self, nil)
	b.decide(t, brought("a", alleged(1, "messenger")))
	c, err := b.Claim(ctx, b.only(t).ID, "Agatha")
	require.NoError(t, err)
	b.clock.add(time.Minute)
	b.decide(t, brought("a", again))
	_, err = b.Resolve(ctx, c.ID, cases.Resolution{Version: c.Version, Reviewer: "Agatha", Outcome: cases.Changed, Step: abuse.Disable, ForEver: true})
	require.ErrorIs(t, err, cases.ErrMoved, "nobody is closed for good on what was said before")
}

// What has come in since the claim counts on at once, without what was taken back: the last word is its
// decision, which has a review and is delivered.
func TestUnseenCountsAnew(t *testing.T) {
	for _, r := range []cases.Resolution{overturned(cases.WrongSignal), {Outcome: cases.Changed, Step: abuse.Limit, Until: session.AddDate(0, 0, 2)}} {
		inStores(t, func(t *testing.T, store abuse.Store) {
			var taken []abuse.Decision
			b := newCourtOn(t, store, self, cases.Limits{}, func(c *cases.HearingsConfig) {
				c.Deliver = func(_ context.Context, d abuse.Decision) error { taken = append(taken, d); return nil }
			})
			b.decide(t, brought("a", alleged(1, "messenger")))
			c, err := b.Claim(ctx, b.only(t).ID, "Agatha")
			require.NoError(t, err)
			b.decide(t, brought("a", alleged(1, "messenger"), alleged(2, "bank")))
			r.Version, r.Reviewer = c.Version, "Agatha"
			d, err := b.Resolve(ctx, c.ID, r)
			require.NoError(t, err)
			require.False(t, d.Automated)
			step := b.standing(t, "a")
			require.Equal(t, abuse.Suspend, step.Action)
			require.Equal(t, []cases.Carrier{{From: "bank", Origin: "bank", Signal: allegedID(2)}}, step.Carriers)
			require.Equal(t, step.Decision, b.only(t).Decision.ID, "nobody has answered for this one yet")
			require.Equal(t, step.Decision, taken[len(taken)-1].ID)
			require.Equal(t, []uuid.UUID{step.Decision, d.ID}, []uuid.UUID{b.decisions(t, "a")[0].ID, b.decisions(t, "a")[1].ID})
			b.decide(t, brought("a", alleged(1, "messenger")))
			require.Equal(t, d.Action, b.action(t, "a"), "the person's word holds for what he has seen")
		})
	}
}

// One finding is not said again under another ID, by another way or by what was made of it, while the
// ruling stands or when it has run out. What another origin says of the same cause counts.
func TestOneFinding(t *testing.T) {
	cause := allegedID(77)
	seen := alleged(1, "messenger")
	seen.Cause = cause
	change := func(n int, origin string, f func(*abuse.Signal)) abuse.Signal {
		s := alleged(n, origin)
		if f != nil {
			f(&s)
		}
		return s
	}
	for name, row := range map[string]struct {
		signal abuse.Signal
		from   string
		same   bool
	}{
		"itself":                      {change(1, "messenger", nil), "messenger", true},
		"made of it":                  {change(2, "messenger", func(s *abuse.Signal) { s.Cause = seen.ID }), "messenger", true},
		"made of it by another":       {change(2, "bank", func(s *abuse.Signal) { s.Cause = seen.ID }), "bank", false},
		"made of it and passed on":    {change(2, "bank", func(s *abuse.Signal) { s.Cause, s.Path = seen.ID, []string{"messenger"} }), "messenger", true},
		"of the same cause":           {change(2, "messenger", func(s *abuse.Signal) { s.Cause = cause }), "messenger", true},
		"the cause":                   {change(77, "messenger", nil), "messenger", true},
		"passed on":                   {change(1, "messenger", func(s *abuse.Signal) { s.Path = []string{"market"} }), "market", true},
		"another":                     {change(2, "messenger", nil), "messenger", false},
		"another's of the cause":      {change(2, "bank", func(s *abuse.Signal) { s.Cause = cause }), "bank", false},
		"another's that is the cause": {change(77, "bank", nil), "bank", false},
		"another's of the same ID":    {change(1, "bank", nil), "bank", false},
	} {
		for _, r := range []cases.Resolution{overturned(cases.WrongSignal), {Outcome: cases.Changed, Step: abuse.Label, Until: session.AddDate(0, 0, 1)}} {
			for _, late := range []bool{false, true} {
				b := newCourt(t, self, nil)
				b.decide(t, brought("a", seen))
				b.resolve(t, b.only(t).ID, r)
				b.clock.add(time.Minute)
				if late {
					b.clock.add(25 * time.Hour)
				}
				e := brought("a", row.signal)
				require.Equal(t, row.from, e.Sightings[0].From)
				b.decide(t, e)
				if !row.same {
					require.Equal(t, abuse.Suspend, b.action(t, "a"), "%s, %s", name, r.Outcome)
				} else {
					require.Less(t, b.action(t, "a"), abuse.Friction, "%s, %s", name, r.Outcome)
				}
			}
		}
	}
}

// What a person has cleared an account of as it was written before: the signals' own IDs.
func TestClearedAsBefore(t *testing.T) {
	b := newCourt(t, self, nil)
	id := allegedID(1)
	value := binary.BigEndian.AppendUint64(append([]byte(nil), id[:]...), uint64(session.Unix()))
	require.NoError(t, b.store.Update(ctx, func(w abuse.Writer) error {
		return w.Put(abuse.Cases, []byte("c\x00\x01a"), value)
	}))
	again := alleged(2, "messenger")
	again.Cause = allegedID(1)
	for _, s := range []abuse.Signal{alleged(1, "messenger"), again} {
		b.decide(t, brought("a", s))
		require.Equal(t, abuse.None, b.action(t, "a"))
	}
	b.decide(t, brought("a", alleged(3, "messenger")))
	require.Equal(t, abuse.Suspend, b.action(t, "a"))
	b.resolve(t, b.only(t).ID, cases.Resolution{Outcome: cases.Changed, Step: abuse.Label, Until: session.AddDate(0, 0, 1)})
	b.clock.add(25 * time.Hour)
	b.decide(t, brought("a", alleged(1, "messenger"), alleged(3, "messenger")))
	require.Equal(t, abuse.None, b.action(t, "a"), "what was there stays beside what is new")
}

// What a console leaves is done by the service's process, under its own rules, wherever that is
// interrupted; the console itself opens no review and decides nothing.
func TestConsoleLeaves(t *testing.T) {
	for _, kind := range []abusetest.Fault{abusetest.Before, abusetest.After, abusetest.Rerun} {
		for at := 0; ; at++ {
			armed, failed := false, false
			store := faultyAt(kind, at, &armed, &failed)
			service := newCourtOn(t, store, self, cases.Limits{}, func(c *cases.HearingsConfig) { c.ReviewFrom = abuse.Label })
			console := newCourtOn(t, store, self, cases.Limits{}, func(c *cases.HearingsConfig) {
				c.Console, c.ReviewFrom, c.Clock = true, abuse.Disable, service.clock.now
			})
			mild := alleged(1, "messenger")
			mild.Confidence, mild.Review = 60, abuse.ReviewAutomatic
			service.decide(t, brought("upheld", mild))
			upheld, err := console.Claim(ctx, service.only(t).ID, "Agatha")
			require.NoError(t, err)
			service.decide(t, brought("taken back", alleged(5, "messenger")))
			back, err := console.Claim(ctx, service.reviewAbout(t, "taken back").ID, "Agatha")
			require.NoError(t, err)

			harsher := service.decide(t, brought("upheld", mild, alleged(2, "bank")))
			service.decide(t, brought("taken back", alleged(5, "messenger"), alleged(6, "bank")))
			upheld, err = console.Claim(ctx, upheld.ID, "Agatha")
			require.NoError(t, err)
			_, err = console.Resolve(ctx, upheld.ID, cases.Resolution{Version: upheld.Version, Reviewer: "Agatha", Outcome: cases.Upheld})
			require.NoError(t, err)
			_, err = console.Resolve(ctx, back.ID, cases.Resolution{Version: back.Version, Reviewer: "Agatha", Outcome: cases.Overturned, Ground: cases.WrongPerson})
			require.NoError(t, err)
			require.NoError(t, console.Work(ctx))
			all, err := service.Queue(ctx, 10)
			require.NoError(t, err)
			require.Empty(t, all)
			require.Equal(t, abuse.None, service.action(t, "taken back"))
			var bad *abuse.Error
			_, err = console.Around(console.desk.Settle)(nil, abuse.Evidence{}, session, true)
			require.ErrorAs(t, err, &bad)

			armed = true
			for n := 0; n < 3; n++ {
				_ = service.Work(ctx)
			}
			armed = false
			require.Equal(t, harsher.ID, service.reviewAbout(t, "upheld").Decision.ID)
			step := service.standing(t, "taken back")
			require.Equal(t, abuse.Suspend, step.Action, "by what the person has not seen")
			require.Equal(t, step.Decision, service.reviewAbout(t, "taken back").Decision.ID)
			require.Len(t, service.decisions(t, "taken back"), 4, "the step, with another signal, the answer, and what is left: once")
			for _, row := range service.owed(t) {
				require.EqualValues(t, 'd', row.Key[1], "nothing but what is to be delivered")
			}
			if !failed {
				require.Greater(t, at, 3)
				break
			}
		}
	}
}

// reviewAbout gives the one open review about an account.
func (b *court) reviewAbout(t testing.TB, account string) (found cases.Case) {
	all, err := b.Queue(ctx, 100)
	require.NoError(t, err)
	n := 0
	for _, c := range all {
		if c.Kind == cases.Review && c.Decision.Account == account {
			found, n = c, n+1
		}
	}
	require.Equal(t, 1, n)
	return found
}

// Where the service has decided again by itself before it comes to what a console has left, nothing of
// the old evidence comes back.
func TestConsoleLeftTooLate(t *testing.T) {
	service := newCourt(t, self, nil)
	console := newCourtOn(t, service.store, self, cases.Limits{}, func(c *cases.HearingsConfig) { c.Console, c.Clock = true, service.clock.now })
	service.decide(t, brought("a", alleged(1, "messenger")))
	c, err := console.Claim(ctx, service.only(t).ID, "Agatha")
	require.NoError(t, err)
	service.decide(t, brought("a", alleged(1, "messenger"), alleged(2, "bank")))
	_, err = console.Resolve(ctx, c.ID, cases.Resolution{Version: c.Version, Reviewer: "Agatha", Outcome: cases.Overturned, Ground: cases.WrongPerson})
	require.NoError(t, err)
	service.clock.add(time.Second)
	service.decide(t, brought("a")) // the bank has withdrawn it
	require.NoError(t, service.Work(ctx))
	require.Equal(t, abuse.None, service.action(t, "a"))
}

// A step that goes on by what is one finding with the case's signal is lifted with it, whether the person
// has seen the new form or not.
func TestOverturnedInEveryForm(t *testing.T) {
	made, copied := alleged(2, "messenger"), alleged(1, "messenger")
	made.Cause, copied.Path = allegedID(1), []string{"market"}
	for _, form := range []abuse.Signal{made, copied} {
		for _, shown := range []bool{true, false} {
			b := newCourt(t, self, nil)
			b.decide(t, brought("a", alleged(1, "messenger")))
			id := b.only(t).ID
			c, err := b.Claim(ctx, id, "Agatha")
			require.NoError(t, err)
			b.decide(t, brought("a", form))
			require.Equal(t, abuse.Suspend, b.action(t, "a"))
			if shown {
				c, err = b.Claim(ctx, id, "Agatha")
				require.NoError(t, err)
			}
			r := overturned(cases.WrongSignal)
			r.Version, r.Reviewer = c.Version, "Agatha"
			_, err = b.Resolve(ctx, id, r)
			require.NoError(t, err)
			require.Equal(t, abuse.None, b.action(t, "a"))
			b.clock.add(time.Second)
			b.decide(t, brought("a", form))
			require.Equal(t, abuse.None, b.action(t, "a"))
		}
	}
}

// Of an account that has been deleted nothing is owed.
func TestForgottenDebts(t *testing.T) {
	b := newCourt(t, self, func(c *cases.HearingsConfig) { c.ReviewFrom = abuse.Label })
	console := newCourtOn(t, b.store, self, cases.Limits{}, func(c *cases.HearingsConfig) { c.Console, c.Clock = true, b.clock.now })
	d := b.decide(t, brought("a", alleged(1, "messenger")))
	appeal, err := b.Open(ctx, "a", d.ID)
	require.NoError(t, err)
	console.resolve(t, appeal.ID, overturned(cases.WrongPerson))
	require.Len(t, b.owed(t), 3, "references, delivery, and what is left")
	require.NoError(t, b.store.Update(ctx, func(w abuse.Writer) error { return b.Forget(w, "a") }))
	require.Empty(t, b.owed(t))
}
