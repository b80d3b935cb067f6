package cases_test

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/cases"
)

var errDown = errors.New("down")

// outer is where decisions are carried out, and what is on its way there.
type outer struct {
	there  map[string]cases.Step     // what each account is under there
	outbox []abuse.Decision          // of automation, and of who rules without hearings
	newest map[string]abuse.Decision // the last decision on each account that says what is in force
	faults bool                      // what is delivered is not always taken
	hand   []cases.Case              // claimed, and not answered yet
	works  bool                      // hearings are delivering what they owe
}

// recorded puts a decision on its way, as package watch does: in the order of time, and an account that
// could not be told waits.
func (h *history) recorded(d abuse.Decision) {
	h.note(d)
	if d.Mode == abuse.Live {
		h.outbox = append(h.outbox, d)
	}
	if h.r.IntN(3) > 0 {
		h.send()
	}
}

func (h *history) note(d abuse.Decision) {
	if d.Mode != abuse.Live {
		return
	}
	h.newest[d.Account] = d
	if d.Action > abuse.None {
		h.steps[d.Account] = append(h.steps[d.Account], d.ID)
	}
}

// send goes once through the outbox. In the place of one that is overtaken goes the last there is.
func (h *history) send() {
	stuck := map[string]bool{}
	h.outbox = slices.DeleteFunc(h.outbox, func(d abuse.Decision) bool {
		if stuck[d.Account] {
			return false
		}
		last := h.newest[d.Account]
		if last.ID != d.ID {
			h.seen["overtaken"]++
		}
		stuck[d.Account] = h.take(last) != nil
		return !stuck[d.Account]
	})
}

// take carries a decision out. One that is over when it comes says nothing: one has to look.
func (h *history) take(d abuse.Decision) error {
	if h.faults && h.r.IntN(3) == 0 {
		h.seen["not delivered"]++
		return errDown
	}
	h.seen["delivered"]++
	h.there[d.Account] = cases.Step{Action: d.Action, Until: d.Until}
	if !d.Until.IsZero() && !d.Until.After(h.now) {
		h.there[d.Account] = h.under(d.Account)
	}
	return nil
}

// delivered is HearingsConfig.Deliver. While it is under way another process may settle and deliver.
func (h *history) delivered(_ context.Context, d abuse.Decision) error {
	if about := h.m.about[d.Account]; h.works && len(about) > 0 && h.r.IntN(2) == 0 {
		if s := about[h.r.IntN(len(about))]; !s.gone {
			h.seen["meanwhile"]++
			s.gone = true
			h.settleAll(s.accounts...)
		}
	}
	return h.take(d)
}

// work does what hearings owe.
func (h *history) work() {
	h.works = true
	if err := h.Work(ctx); err != nil {
		require.True(h.t, h.faults && errors.Is(err, errDown), "%v", err)
	}
	h.works = false
	h.send()
}

// sweep tells of steps that have run out.
func (h *history) sweep() {
	err := h.Sweep(ctx, func(_ context.Context, e cases.Ended) error {
		require.False(h.t, e.Step.Until.After(h.now))
		is := h.under(e.Step.Account)
		require.Equal(h.t, h.m.now(e.Step.Account, h.now).action, e.Remains)
		require.Equal(h.t, is.Action, e.Remains)
		if h.faults && h.r.IntN(3) == 0 {
			return errDown
		}
		h.seen["ended"]++
		h.there[e.Step.Account] = is
		return nil
	})
	require.True(h.t, err == nil || errors.Is(err, errDown), "%v", err)
}

// quiet lets all that is on its way arrive.
func (h *history) quiet() {
	h.faults = false
	h.work()
	h.sweep()
	h.send()
	require.NoError(h.t, h.Work(ctx))
	require.Empty(h.t, h.outbox)
}

// tells says that an account is under the same step where steps are carried out as it is here.
func (h *history) tells(account string, is cases.Step) {
	there := h.there[account]
	if there.Action <= abuse.None || !there.Until.IsZero() && !there.Until.After(h.now) {
		there = cases.Step{Action: abuse.None}
	}
	require.Equal(h.t, is.Action, there.Action, "%s was told last", account)
	require.True(h.t, is.Action <= abuse.None || is.Until.Equal(there.Until), "%s until %s, told %s", account, is.Until, there.Until)
}

// rules lets a person look at an account and rule on it, without hearings.
func (h *history) rules() {
	h.t.Helper()
	a := h.account()
	was, ok := h.m.last[a]
	if !ok {
		return
	}
	r := cases.Ruling{Action: abuse.Action(1 + h.r.IntN(6)), Reviewer: "h. okoye"}
	if h.r.IntN(2) == 0 {
		r.Action = abuse.None
	}
	if r.Action > abuse.None && r.Action < abuse.Disable || h.r.IntN(2) == 0 {
		r.Until = h.now.Add(time.Duration(1+h.r.IntN(200)) * time.Hour)
	}
	h.now = h.now.Add(time.Second)
	var d abuse.Decision
	require.NoError(h.t, h.store.Update(ctx, func(w abuse.Writer) (err error) {
		if d, err = h.Rule(w, was, r, h.now); err != nil {
			return err
		}
		return cases.Record(w, d)
	}))
	h.m.ruled(a, h.now, d, true, was)
	h.seen["ruled"]++
	h.recorded(d)
}

// appeal opens one against any step that there has been.
func (h *history) appeal() {
	h.t.Helper()
	if a := h.account(); len(h.steps[a]) > 0 {
		_, err := h.Open(ctx, a, h.steps[a][h.r.IntN(len(h.steps[a]))])
		require.NoError(h.t, err)
	}
}

// answer lets a person answer a case, while whose evidence may change, or another case be answered.
func (h *history) answer() {
	h.t.Helper()
	if len(h.hand) == 0 || h.r.IntN(2) == 0 {
		queue, err := h.Queue(ctx, 1+h.r.IntN(3))
		require.NoError(h.t, err)
		if len(queue) == 0 {
			return
		}
		c, err := h.Claim(ctx, queue[h.r.IntN(len(queue))].ID, "h. okoye")
		require.NoError(h.t, err)
		h.hand = append(h.hand, c)
		switch a := c.Decision.Account; h.r.IntN(8) {
		case 0:
			if about := h.m.about[a]; len(about) > 0 {
				s := about[h.r.IntN(len(about))]
				s.gone = true
				h.settleAll(s.accounts...)
			}
		case 1:
			h.tell(a)
		case 2, 3:
			return // another time
		}
	}
	n := h.r.IntN(len(h.hand))
	c := h.hand[n]
	h.hand = slices.Delete(h.hand, n, n+1)
	h.now = h.now.Add(time.Second)
	r := h.resolution(&c)
	a := c.Decision.Account
	was, beneath := h.under(a), h.m.automatic(a, h.now)
	d, err := h.Resolve(ctx, c.ID, r)
	for errors.Is(err, cases.ErrMoved) || errors.Is(err, cases.ErrClaimed) { // look again
		h.seen["moved"]++
		c, err = h.Claim(ctx, c.ID, "h. okoye")
		if err == nil {
			r.Version = c.Version
			d, err = h.Resolve(ctx, c.ID, r)
			require.NotErrorIs(h.t, err, cases.ErrMoved)
		}
	}
	if errors.Is(err, cases.ErrClosed) {
		return
	}
	require.NoError(h.t, err)
	h.seen[c.Kind.String()+" "+r.Outcome.String()]++
	if d.ID != uuid.Nil {
		h.note(d)
	}
	if r.Outcome == cases.Upheld && !r.ForEver || d.ID == uuid.Nil {
		h.kept(&c, &r, was, beneath, d)
	} else {
		h.ruled(&c, &r, d)
	}
	// Where there is nothing that the person has not seen the answer may stay the last word.
	if h.r.IntN(2) == 0 || decide(h.m.unseen(a, h.now), h.now).Action > h.m.automatic(a, h.now).action {
		h.settleAll(a)
	}
}

// shown are the signals that a case has shown.
func shown(c *cases.Case) (all []uuid.UUID) {
	for _, of := range []abuse.Decision{c.Decision, c.Current} {
		for _, s := range of.Explanation.Signals {
			all = append(all, s.Signal.ID)
		}
	}
	return all
}

// ruled puts down an answer that is a ruling of its own, and what was decided after it on evidence that
// had come in since the case was claimed.
func (h *history) ruled(c *cases.Case, r *cases.Resolution, d abuse.Decision) {
	want, a := max(r.Step, abuse.None), d.Account
	if r.Outcome == cases.Upheld {
		want = abuse.Disable
	}
	require.Equal(h.t, want, d.Action)
	require.False(h.t, d.Automated)
	h.m.ruled(a, h.now, d, false, c.Decision, c.Current)
	h.m.clear(a, shown(c)...)
	last := h.last(a)
	if last.ID == d.ID {
		require.Equal(h.t, want, h.under(a).Action)
		return
	}
	h.after(last)
}

// last is the decision about an account that was recorded last.
func (h *history) last(a string) (last abuse.Decision) {
	require.NoError(h.t, h.store.View(ctx, func(r abuse.Reader) error {
		prefix := append([]byte{0, byte(len(a))}, a...)
		rows, err := r.Scan(abuse.Decisions, prefix, append(slices.Clone(prefix), 0xff), 1)
		if err != nil {
			return err
		}
		return json.Unmarshal(rows[0].Value, &last)
	}))
	return last
}

// after puts down what was decided at once on what an answer has left.
func (h *history) after(last abuse.Decision) {
	h.seen["decided after"]++
	is, err := h.Beneath(ctx, last.Account, last.At)
	require.NoError(h.t, err)
	h.now = h.now.Add(time.Second)
	h.m.settled(last.Account, last.At, last, stored{step: is, background: h.modes})
	h.note(last)
}

// kept puts down an answer that has put nothing in force.
func (h *history) kept(c *cases.Case, r *cases.Resolution, was cases.Step, beneath step, d abuse.Decision) {
	is := h.under(c.Decision.Account)
	require.Equal(h.t, was.Decision, is.Decision)
	require.Equal(h.t, was.Action, is.Action)
	if d.ID != uuid.Nil {
		require.Equal(h.t, is.Action, d.Action)
	}
	if r.Outcome == cases.Upheld {
		return
	}
	// What is in force has nothing to do with the case, and stays; what the case was about does not.
	h.seen["left"]++
	h.m.clear(c.Decision.Account, slices.DeleteFunc(shown(c), func(id uuid.UUID) bool { return !slices.Contains(c.Decision.Signals, id) })...)
	h.left(c.Decision.Account, beneath)
}

// resolution is a random answer to a case.
func (h *history) resolution(c *cases.Case) cases.Resolution {
	r := cases.Resolution{Version: c.Version, Reviewer: c.Holder, Outcome: cases.Outcome(1 + h.r.IntN(3))}
	switch r.Outcome {
	case cases.Upheld:
		r.ForEver = c.Decision.Action == abuse.Disable && h.r.IntN(2) == 0
	case cases.Overturned:
		r.Ground = cases.Ground(1 + h.r.IntN(3))
	case cases.Changed:
		r.Step, r.Until = abuse.Label+abuse.Action(h.r.IntN(5)), h.now.Add(time.Duration(1+h.r.IntN(200))*time.Hour)
		if r.Step == abuse.Disable && h.r.IntN(2) == 0 {
			r.Until, r.ForEver = time.Time{}, true
		}
	}
	return r
}

// left puts down what an answer has taken from beneath the step in force, and what was decided there on what
// is left.
func (h *history) left(account string, beneath step) {
	is, err := h.Beneath(ctx, account, h.now)
	require.NoError(h.t, err)
	last := h.last(account)
	again := !last.At.Before(h.now)
	if is.Action <= abuse.None || again {
		h.m.auto[account] = step{action: abuse.None}
	} else {
		require.Equal(h.t, beneath.decision, is.Decision)
	}
	require.NoError(h.t, h.store.View(ctx, func(r abuse.Reader) error {
		ruling, stands, err := h.Ruling(r, account, h.now)
		if was, ok := h.m.ruling(account, h.now); ok && was.action > abuse.None {
			require.True(h.t, stands)
			if ruling.Action <= abuse.None {
				h.m.rulings[account] = ruled{action: abuse.None, seen: was.seen, decision: ruling.Decision}
			}
		}
		return err
	}))
	if again {
		h.after(last)
	}
}
