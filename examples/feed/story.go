package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"os"
	"slices"
	"time"
)

// results is what -json prints.
type results struct {
	Days           int     `json:"days"`
	Equal          int     `json:"equal"` // days that ended with the matches of the plain join
	Accounts       int     `json:"accounts"`
	Records        int     `json:"records"` // signals reported, revised or withdrawn
	BytesPerSignal float64 `json:"bytes_per_signal"`
	BaseCPU        float64 `json:"base_cpu_s"` // of one base
	DayCPU         float64 `json:"day_cpu_s"`  // of following and deciding, a day
	DayPercent     float64 `json:"day_cpu_percent"`
	SignupCPU      float64 `json:"signup_cpu_s"` // of a day's sign-ups
	Restarts       int     `json:"restarts"`
	Matches        int     `json:"matches"` // on the last day
	Decisions      int     `json:"decisions"`
	Events         int     `json:"events"`
	Withdrawn      int     `json:"withdrawn"`
	Violations     int     `json:"violations"` // changes handed on that do not follow from those before; decisions made twice
	Epochs         int     `json:"epochs"`     // bases enrolled
}

// story is the driver's: what is true, and what it makes the services do.
type story struct {
	o        *options
	rng      *rand.Rand
	progress io.Writer

	transmitter, receiver *party
	address               string // of the transmitter
	now                   time.Time

	people  int // of the receiver: persons 0 to people
	signals []saying
	living  []int // signals that were not withdrawn, in no order

	res                         results
	baseCPU, dayCPU, signupCPU  float64
	bytes, was, dayBytes, plain int64 // of batches: so far, at the end of yesterday, of quiet days; signals of those
	quiet                       int   // days without a base, of which the costs are
}

// cuts is how many batches a day has.
const cuts = 4

// live lives the days.
func live(ctx context.Context, o *options, progress io.Writer) (res *results, err error) {
	dir, err := os.MkdirTemp("", "feed")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	s := newStory(o, dir, progress)
	defer func() { err = errors.Join(err, s.transmitter.stop(ctx), s.receiver.stop(ctx)) }()
	if err := s.begin(ctx); err != nil {
		return nil, err
	}
	for day := range o.days {
		if err := s.day(ctx, day); err != nil {
			return nil, err
		}
		if o.strict && s.res.Equal <= day {
			break
		}
	}
	return s.result(), nil
}

func newStory(o *options, dir string, progress io.Writer) *story {
	s := &story{o: o, rng: rand.New(rand.NewPCG(o.seed, 0)), progress: progress, now: start, people: o.accounts}
	of := func(role, store string) *party {
		p := &party{o: *o}
		p.o.role, p.o.store, p.o.dir = role, store, dir
		return p
	}
	s.transmitter, s.receiver = of(roleTransmitter, o.transmitterStore), of(roleReceiver, o.store)
	return s
}

func (s *story) begin(ctx context.Context) error {
	if err := errors.Join(s.start(ctx, s.transmitter), s.start(ctx, s.receiver)); err != nil {
		return err
	}
	return s.base(ctx, 0)
}

// start starts a service.
func (s *story) start(ctx context.Context, p *party) error {
	p.o.at = s.now.Unix()
	if err := p.start(ctx); err != nil {
		return fmt.Errorf("%s: %w", p.o.role, err)
	}
	if p != s.transmitter {
		return nil
	}
	out, err := p.call(ctx, request{Op: "address", At: s.now.Unix()})
	s.address = out.Address
	return err
}

// ask gives a command to a service, and gives what CPU time its process has used for it.
func (s *story) ask(ctx context.Context, p *party, req request) (reply, float64, error) {
	req.At = s.now.Unix()
	if p == s.receiver {
		req.Address = s.address
	}
	out, err := p.call(ctx, req)
	used := out.CPU - p.cpu
	p.cpu = out.CPU
	if p == s.receiver && err == nil {
		s.bytes, p.bytes = s.bytes+out.Bytes-p.bytes, out.Bytes
	}
	if err != nil {
		err = fmt.Errorf("%s: %s: %w", p.o.role, req.Op, err)
	}
	return out, used, err
}

// base enrols all accounts there are under an epoch.
func (s *story) base(ctx context.Context, epoch uint32) error {
	if _, _, err := s.ask(ctx, s.receiver, request{Op: "people", Count: s.people}); err != nil {
		return err
	}
	_, used, err := s.ask(ctx, s.receiver, request{Op: "base", Epoch: epoch})
	s.baseCPU += used
	s.res.Epochs++
	s.say("base of epoch %d: %d accounts, %.2f s CPU", epoch, s.people, used)
	return err
}

func (s *story) say(format string, args ...any) {
	_, _ = fmt.Fprintf(s.progress, "feed: "+format+"\n", args...) // nobody may be reading
}

// day lives a day: in each quarter signals, sign-ups, a batch; at the end it is compared.
func (s *story) day(ctx context.Context, day int) error {
	based, err := s.prepare(ctx)
	if err != nil {
		return err
	}
	var used, signups float64
	for quarter := range cuts {
		share := func(n int) int { return n*(quarter+1)/cuts - n*quarter/cuts }
		s.now = start.AddDate(0, 0, day).Add(time.Duration(quarter+1) * 5 * time.Hour)
		if _, _, err := s.ask(ctx, s.transmitter, request{Op: "say", Say: s.sayings(share(s.o.signals))}); err != nil {
			return err
		}
		n := share(s.o.signups)
		_, cpu, err := s.ask(ctx, s.receiver, request{Op: "check", First: s.people, Count: n})
		if err != nil {
			return err
		}
		signups, s.people = signups+cpu, s.people+n
		cpu, err = s.takeIn(ctx)
		if err != nil {
			return err
		}
		used += cpu
		if err := s.maybeRestart(ctx, day*cuts+quarter); err != nil {
			return err
		}
	}
	s.signupCPU += signups
	out, _, err := s.ask(ctx, s.receiver, request{Op: "status"})
	if err != nil {
		return err
	}
	s.account(used, based)
	s.res.Days++
	want := s.truth()
	if slices.Equal(want, out.Matches) {
		s.res.Equal++
	} else {
		s.say("day %d differs: %d matches, and %d by the plain join", day+1, len(out.Matches), len(want))
	}
	s.res.Matches, s.res.Decisions, s.res.Events = len(out.Matches), out.Decisions, out.Events
	s.res.Withdrawn, s.res.Violations = out.Withdrawn, out.Violations
	if day%10 == 9 {
		s.say("day %d: %d matches, %d of %d days equal", day+1, len(out.Matches), s.res.Equal, s.res.Days)
	}
	return nil
}

// prepare enrols the next base when it is due, and finishes with it what the partner has to say.
func (s *story) prepare(ctx context.Context) (bool, error) {
	out, _, err := s.ask(ctx, s.receiver, request{Op: "status"})
	if err != nil || !out.Due {
		return out.Feeds != 1, err
	}
	return true, s.base(ctx, out.Epoch)
}

// account adds up what a day has cost. Days with a base, or with two feeds, are not like others.
func (s *story) account(used float64, based bool) {
	bytes := s.bytes - s.was
	s.was = s.bytes
	if based {
		return
	}
	s.quiet++
	s.dayCPU += used
	s.dayBytes += bytes
	s.plain += int64(s.o.signals)
}

// takeIn publishes a batch, and lets the receiver do what there is to do.
func (s *story) takeIn(ctx context.Context) (used float64, err error) {
	if _, _, err := s.ask(ctx, s.transmitter, request{Op: "cut"}); err != nil {
		return 0, err
	}
	for _, op := range []string{"follow", "recheck", "decide"} {
		_, cpu, err := s.ask(ctx, s.receiver, request{Op: op})
		if err != nil {
			return 0, err
		}
		used += cpu
	}
	return used, nil
}

// sayings makes news: six in ten are new signals, the others revise or withdraw one.
func (s *story) sayings(n int) (all []saying) {
	touched := map[int]bool{} // each once a batch, as the plain join has the last word only
	for len(all) < n {
		what := s.rng.IntN(20)
		if what >= 12 && len(s.living) > n {
			at := s.rng.IntN(len(s.living))
			i := s.living[at]
			sig := &s.signals[i]
			if touched[i] || sig.Until <= s.now.Unix()+3600 {
				continue
			}
			touched[i] = true
			sig.Revision++
			if sig.Retract = what >= 17; sig.Retract {
				s.living[at] = s.living[len(s.living)-1]
				s.living = s.living[:len(s.living)-1]
			}
			all = append(all, *sig)
			continue
		}
		about := elsewhere + s.rng.IntN(elsewhere)
		if s.rng.Float64() < s.o.overlap {
			about = s.rng.IntN(max(1, s.o.accounts+s.o.days*s.o.signups)) // some of whom have yet to sign up
		}
		sig := saying{Signal: len(s.signals), About: about, Revision: 1, First: s.now.Unix(),
			Until: s.now.AddDate(0, 0, 5+s.rng.IntN(60)).Unix()}
		s.living = append(s.living, len(s.signals))
		touched[len(s.signals)] = true
		s.signals = append(s.signals, sig)
		all = append(all, sig)
	}
	s.res.Records += len(all)
	return all
}

// truth is the plain join.
func (s *story) truth() (all []string) {
	for i := range s.signals {
		if sig := &s.signals[i]; sig.About < s.people && !sig.Retract && sig.Until > s.now.Unix() {
			all = append(all, matchLine(receiverAccount(sig.About), sig.id(), sig.Revision))
		}
	}
	slices.Sort(all)
	return all
}

// maybeRestart spreads the restarts over the days, of the one service and the other.
func (s *story) maybeRestart(ctx context.Context, quarter int) error {
	for s.res.Restarts < s.o.restarts*(quarter+1)/(s.o.days*cuts) {
		p := []*party{s.receiver, s.transmitter}[s.res.Restarts%2]
		s.res.Restarts++
		if err := p.kill(ctx); err != nil {
			return err
		}
		if err := s.start(ctx, p); err != nil {
			return err
		}
	}
	return nil
}

func (s *story) result() *results {
	r := &s.res
	r.Accounts = s.people
	r.BaseCPU = s.baseCPU / float64(max(1, r.Epochs))
	days := float64(max(1, s.quiet))
	r.DayCPU, r.SignupCPU = s.dayCPU/days, s.signupCPU/float64(max(1, r.Days))
	if r.BaseCPU > 0 {
		r.DayPercent = 100 * r.DayCPU / r.BaseCPU
	}
	r.BytesPerSignal = float64(s.dayBytes) / float64(max(1, s.plain))
	return r
}

func (r *results) print(w io.Writer) error {
	_, err := fmt.Fprintf(w, `%d days, %d of them with the matches of the plain join
%d accounts, %d bases, %d signals reported, revised or withdrawn, %d restarts
%d matches on the last day, %d changes handed on, of these %d withdrawn, %d decisions, %d faults in them
%.0f bytes a signal
%.2f s of CPU for a base, %.3f s a day for the feed (%.2f %%), %.2f s for a day's sign-ups
`, r.Days, r.Equal, r.Accounts, r.Epochs, r.Records, r.Restarts, r.Matches, r.Events, r.Withdrawn, r.Decisions, r.Violations,
		r.BytesPerSignal, r.BaseCPU, r.DayCPU, r.DayPercent, r.SignupCPU)
	return err
}
