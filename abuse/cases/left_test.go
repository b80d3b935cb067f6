package cases_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/abusetest"
	"github.com/hueandcry/hueandcry/abuse/cases"
)

// counting is a rule that counts partners and names its phishing alone: with two of them it suspends for
// 30 days, with one it comes to what alone says; without phishing it limits for what anybody says.
func counting(alone abuse.Action, days int) func(abuse.Evidence, time.Time) abuse.Decision {
	policy := abuse.DefaultPolicy(self, abuse.Live)
	return func(e abuse.Evidence, now time.Time) abuse.Decision {
		d := abuse.Decide(e, policy, now)
		var phishing, others []uuid.UUID
		partners := map[string]bool{}
		for _, s := range d.Explanation.Signals {
			if partners[s.From] = true; s.Signal.Category == abuse.Phishing {
				phishing = append(phishing, s.Signal.ID)
			} else {
				others = append(others, s.Signal.ID)
			}
		}
		says := func(a abuse.Action, days int, signals []uuid.UUID) {
			d.Action, d.Rule, d.Signals, d.Until = a, "counting", signals, time.Time{}
			if a > abuse.None {
				d.Until = now.AddDate(0, 0, days)
			}
		}
		switch {
		case len(phishing) > 0 && len(partners) > 1:
			says(abuse.Suspend, 30, phishing)
		case len(phishing) > 0:
			says(alone, days, phishing)
		case len(others) > 0:
			says(abuse.Limit, 30, others)
		default:
			says(abuse.None, 0, nil)
		}
		return d
	}
}

// newCourtBy is a court whose service decides by a function of the test's.
func newCourtBy(t testing.TB, store abuse.Store, decide func(abuse.Evidence, time.Time) abuse.Decision, change func(*cases.HearingsConfig)) *court {
	var desk *cases.Desk
	b := newCourtOn(t, store, self, cases.Limits{}, func(c *cases.HearingsConfig) {
		var err error
		desk, err = cases.New(cases.Config{Store: store, Clock: c.Clock, Decide: decide})
		require.NoError(t, err)
		c.Desk = desk
		change(c)
	})
	b.desk = desk
	return b
}

// A step that stays when an old case is overturned stays as far as it does without what was cleared:
// that may have been counted and carried nothing. It is decided on at once, and delivered.
func TestLeftStepNeedsCleared(t *testing.T) {
	spam := alleged(1, "bank")
	spam.Category = abuse.Spam
	for name, row := range map[string]struct {
		alone abuse.Action
		days  int
	}{"none": {abuse.None, 0}, "milder": {abuse.Friction, 30}, "sooner": {abuse.Suspend, 7}, "the same": {abuse.Suspend, 30}} {
		for _, asked := range []bool{false, true} { // in a console
			for _, r := range []cases.Resolution{overturned(cases.WrongSignal), {Outcome: cases.Changed, Step: abuse.Label, Until: session.AddDate(0, 0, 2)}} {
				name := fmt.Sprint(name, ", in a console: ", asked, ", ", r.Outcome)
				var taken []abuse.Decision
				tries, down := 0, errors.New("down")
				b := newCourtBy(t, abuse.NewMemory(), counting(row.alone, row.days), func(c *cases.HearingsConfig) {
					c.Deliver = func(_ context.Context, d abuse.Decision) error {
						if tries++; down == nil {
							taken = append(taken, d)
						}
						return down
					}
					c.Carry = func(context.Context, cases.AppealReference) error { return nil }
				})
				answers := b
				if asked {
					answers = newCourtOn(t, b.store, self, cases.Limits{}, func(c *cases.HearingsConfig) { c.Console, c.Clock = true, b.clock.now })
				}
				old := b.decide(t, brought("a", spam))
				require.Equal(t, abuse.Limit, old.Action)
				today := b.decide(t, brought("a", spam, alleged(2, "messenger")))
				require.Equal(t, []uuid.UUID{allegedID(2)}, today.Signals)
				appeal, err := b.Open(ctx, "a", old.ID)
				require.NoError(t, err)
				require.NoError(t, b.Work(ctx))
				require.Equal(t, uuid.Nil, answers.resolve(t, appeal.ID, r).ID, name)
				if row.days == 30 && row.alone == abuse.Suspend {
					require.NoError(t, b.Work(ctx))
					require.Equal(t, today.ID, b.standing(t, "a").Decision, name)
					require.Len(t, b.decisions(t, "a"), 2, name)
					require.Empty(t, taken)
					require.Empty(t, b.owed(t))
					continue
				}
				if asked {
					require.ErrorIs(t, b.Work(ctx), down)
				}
				require.Equal(t, 1, tries, "%s: at once", name)
				last := b.decisions(t, "a")[0]
				require.Equal(t, []any{row.alone, today.ID, true}, []any{last.Action, last.Undoes, last.Automated}, name)
				require.Equal(t, row.alone, b.action(t, "a"), name)
				require.True(t, last.Until.Equal(b.standing(t, "a").Until), name)
				require.Len(t, b.owed(t), 1, name)
				down = nil
				require.NoError(t, b.Work(ctx))
				require.Empty(t, b.owed(t), name)
				require.Len(t, taken, 1, name)
				same(t, last, taken[0], name)
				b.clock.add(time.Minute)
				b.decide(t, brought("a", spam, alleged(2, "messenger")))
				require.Equal(t, row.alone, b.action(t, "a"), "%s: and so it stays", name)
			}
		}
	}
}

// A step that has run out beneath a person's ruling does not begin anew because an old decision is taken
// back, whether it rested on that or not, and whether it was swept.
func TestLeftEndedStaysEnded(t *testing.T) {
	for n := range 8 {
		rests, swept := n&1 != 0, n&2 != 0
		b := newCourtBy(t, abuse.NewMemory(), counting(abuse.Suspend, 7), func(c *cases.HearingsConfig) {})
		who := b
		if n&4 != 0 {
			who = newCourtOn(t, b.store, self, cases.Limits{}, func(c *cases.HearingsConfig) { c.Console, c.Clock = true, b.clock.now })
		}
		b.decide(t, brought("a", alleged(1, "messenger")))
		b.resolve(t, b.only(t).ID, cases.Resolution{Outcome: cases.Changed, Step: abuse.Label, Until: session.AddDate(0, 0, 60)})
		first := alleged(2, "bank")
		if !rests {
			first.Category = abuse.Spam
		}
		old := b.decide(t, brought("a", alleged(1, "messenger"), first))
		require.True(t, old.Automated)
		b.decide(t, brought("a", alleged(1, "messenger"), first, alleged(3, "market")))
		require.Equal(t, abuse.Suspend, b.action(t, "a"))
		b.clock.add(31 * aDay)
		if swept {
			require.NoError(t, b.desk.Sweep(ctx, func(context.Context, cases.Ended) error { return nil }))
		}
		require.Equal(t, abuse.Label, b.action(t, "a"))
		appeal, err := b.Open(ctx, "a", old.ID)
		require.NoError(t, err)
		require.Equal(t, uuid.Nil, who.resolve(t, appeal.ID, overturned(cases.WrongSignal)).ID)
		require.NoError(t, b.Work(ctx))
		require.Equal(t, abuse.Label, b.action(t, "a"), "rests %v, swept %v, console %v", rests, swept, who != b)
	}
}

// What a console has left and the service decides on is delivered, also where the person's word was by
// then; and where another process decides on it between the last look at what is to be delivered and
// the end of that debt.
func TestLeftIsDelivered(t *testing.T) {
	for at := 0; ; at++ {
		armed, came, calls := false, false, -1
		var service *court
		memory := abuse.NewMemory()
		store := abusetest.Faulty(memory, func(string, int) abusetest.Fault {
			if armed {
				if calls++; calls == at {
					came = true
					require.NoError(t, service.Work(ctx))
				}
			}
			return abusetest.None
		})
		var taken []abuse.Decision
		service = newCourtOn(t, memory, self, cases.Limits{}, nil) // delivers nothing
		console := newCourtOn(t, store, self, cases.Limits{}, func(c *cases.HearingsConfig) {
			c.Console, c.Clock = true, service.clock.now
			c.Deliver = func(_ context.Context, d abuse.Decision) error { taken = append(taken, d); return nil }
		})
		service.decide(t, brought("a", alleged(1, "messenger")))
		c, err := console.Claim(ctx, service.only(t).ID, "Agatha")
		require.NoError(t, err)
		service.decide(t, brought("a", alleged(1, "messenger"), alleged(2, "bank")))
		r := overturned(cases.WrongPerson)
		r.Version, r.Reviewer = c.Version, "Agatha"
		armed = true
		_, err = console.Resolve(ctx, c.ID, r)
		require.NoError(t, err)
		armed = false
		require.NoError(t, service.Work(ctx))
		require.NoError(t, console.Work(ctx))
		require.Empty(t, service.owed(t))
		require.Equal(t, abuse.Suspend, service.action(t, "a"), "by what nobody has seen")
		require.Equal(t, service.standing(t, "a").Decision, taken[len(taken)-1].ID, "at %d", at)
		if !came {
			require.Greater(t, at, 2)
			break
		}
	}
}

// Two people answer in a console about one account before the service comes to what they have left: what
// neither has seen counts, whichever is looked at first, and one decision is made of it.
func TestLeftByTwo(t *testing.T) {
	for n := range 8 { // the order of what is left is that of digests
		service := newCourt(t, self, nil)
		console := newCourtOn(t, service.store, self, cases.Limits{}, func(c *cases.HearingsConfig) { c.Console, c.Clock = true, service.clock.now })
		account := fmt.Sprint("a", n)
		service.decide(t, brought(account, alleged(1, "messenger")))
		d := service.decide(t, brought(account, alleged(1, "messenger"))) // which is not the review's
		review, err := console.Claim(ctx, service.only(t).ID, "Agatha")
		require.NoError(t, err)
		appeal, err := console.Open(ctx, account, d.ID)
		require.NoError(t, err)
		appeal, err = console.Claim(ctx, appeal.ID, "Ben")
		require.NoError(t, err)
		service.decide(t, brought(account, alleged(1, "messenger"), alleged(2, "bank")))
		for _, c := range []cases.Case{review, appeal} {
			r := overturned(cases.WrongSignal)
			r.Version, r.Reviewer = c.Version, c.Holder
			_, err = console.Resolve(ctx, c.ID, r)
			require.NoError(t, err)
			service.clock.add(time.Minute)
		}
		require.Equal(t, abuse.None, service.action(t, account))
		require.NoError(t, service.Work(ctx))
		require.Equal(t, abuse.Suspend, service.action(t, account))
		require.Equal(t, []cases.Carrier{{From: "bank", Origin: "bank", Signal: allegedID(2)}}, service.standing(t, account).Carriers)
		require.Len(t, service.decisions(t, account), 6)
	}
}

// Partners that hang keep nothing from being delivered or withdrawn, also where they use up all the time
// that Work has.
func TestHangingPartnersLast(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		delivered, retracted := 0, 0
		b := newCourt(t, self, func(c *cases.HearingsConfig) {
			c.Deliver = func(context.Context, abuse.Decision) error { delivered++; return nil }
			c.Retract = func(context.Context, uuid.UUID) error { retracted++; return nil }
			c.Carry = func(ctx context.Context, _ cases.AppealReference) error { <-ctx.Done(); return ctx.Err() }
		})
		console := newCourtOn(t, b.store, self, cases.Limits{}, func(c *cases.HearingsConfig) { c.Console, c.Clock = true, b.clock.now })
		d := b.decide(t, brought("a", alleged(1, "messenger"), alleged(2, "bank"), alleged(3, "market")))
		appeal, err := b.Open(ctx, "a", d.ID)
		require.NoError(t, err)
		console.resolve(t, appeal.ID, overturned(cases.WrongPerson))
		contested, err := b.Contest(ctx, "bank", cases.AppealReference{To: self, Reference: cases.Reference{1}, Signal: allegedID(9)})
		require.NoError(t, err)
		console.resolve(t, contested.ID, overturned(cases.WrongSignal))
		within, cancel := context.WithTimeout(ctx, time.Minute)
		defer cancel()
		require.ErrorIs(t, b.Work(within), context.DeadlineExceeded)
		require.Equal(t, [2]int{1, 1}, [2]int{delivered, retracted})
		require.Len(t, b.owed(t), 1, "the references")
	})
}

// A partner that withdraws its signal to say it again under another ID does not hold up an answer. One
// that withdraws it for good is looked at again.
func TestReplacedHoldsNothingUp(t *testing.T) {
	for _, r := range []cases.Resolution{{Outcome: cases.Changed, Step: abuse.Limit, Until: session.AddDate(0, 0, 2)}, {Outcome: cases.Upheld}} {
		for _, replaced := range []bool{true, false} {
			b := newCourt(t, self, nil)
			b.decide(t, brought("a", alleged(1, "messenger")))
			c, err := b.Claim(ctx, b.only(t).ID, "Agatha")
			require.NoError(t, err)
			again := alleged(2, "messenger")
			if replaced {
				again.Cause = allegedID(1)
			}
			b.decide(t, brought("a", again))
			r.Version, r.Reviewer = c.Version, "Agatha"
			d, err := b.Resolve(ctx, c.ID, r)
			if !replaced {
				require.ErrorIs(t, err, cases.ErrMoved)
				require.Equal(t, abuse.Suspend, b.action(t, "a"))
				continue
			}
			require.NoError(t, err)
			require.Equal(t, "Agatha", d.Reviewer)
			require.Equal(t, d.Action, b.action(t, "a"))
			b.clock.add(time.Second)
			b.decide(t, brought("a", again))
			require.Equal(t, d.Action, b.action(t, "a"), "it is what was seen")
		}
	}
}

// Under a rule that counts, random signals, withdrawals and answers, in the service or in a console: an
// answer, with what it leaves, puts an account where deciding again on the same evidence would.
func TestLeftAsDecidedAgain(t *testing.T) {
	r := random(t)
	seen := map[string]int{}
	for range 100 {
		b := newCourtBy(t, abuse.NewMemory(), counting(abuse.None+abuse.Action(r.IntN(3)), 7), func(c *cases.HearingsConfig) { c.ReviewFrom = abuse.Label })
		console := newCourtOn(t, b.store, self, cases.Limits{}, func(c *cases.HearingsConfig) { c.Console, c.Clock = true, b.clock.now })
		live, made := []abuse.Signal{}, 0
		more := func() {
			made++
			s := alleged(made, partners[r.IntN(len(partners))])
			s.Category = []abuse.Category{abuse.Phishing, abuse.Spam}[r.IntN(2)]
			live = append(live, s)
		}
		for range 12 {
			b.clock.add(time.Duration(r.IntN(36)) * time.Hour)
			if n := len(live); n > 0 && r.IntN(3) == 0 {
				i := r.IntN(n)
				live = slices.Delete(live, i, i+1)
			} else {
				more()
			}
			d := b.decide(t, brought("a", live...))
			if all := b.decisions(t, "a"); r.IntN(2) == 0 {
				d = all[r.IntN(len(all))]
			}
			if d.Action > abuse.None {
				_, err := b.Open(ctx, "a", d.ID)
				require.NoError(t, err)
			}
			queue, err := b.Queue(ctx, 10)
			require.NoError(t, err)
			if len(queue) == 0 || r.IntN(2) == 0 {
				continue
			}
			by := []*court{b, console}[r.IntN(2)]
			c, err := by.Claim(ctx, queue[r.IntN(len(queue))].ID, "Agatha")
			require.NoError(t, err)
			if r.IntN(2) == 0 {
				more()
				b.decide(t, brought("a", live...))
			}
			answer := overturned(cases.WrongSignal)
			if r.IntN(3) == 0 {
				answer = cases.Resolution{Outcome: cases.Changed, Step: abuse.Label, Until: b.clock.now().AddDate(0, 0, 1+r.IntN(3))}
			}
			answer.Version, answer.Reviewer = c.Version, "Agatha"
			before := b.action(t, "a")
			d, err = by.Resolve(ctx, c.ID, answer)
			if errors.Is(err, cases.ErrMoved) {
				continue
			}
			require.NoError(t, err)
			require.NoError(t, b.Work(ctx))
			is := b.action(t, "a")
			if d.ID != uuid.Nil {
				seen["answered"]++
			} else if seen["left"]++; is < before {
				seen["softened"]++
			}
			b.decide(t, brought("a", live...))
			require.Equal(t, b.action(t, "a"), is)
		}
	}
	t.Log(seen)
	for _, what := range []string{"answered", "left", "softened"} {
		require.Positive(t, seen[what], what)
	}
}
