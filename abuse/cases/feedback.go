package cases

import (
	"bytes"
	"context"
	"encoding/binary"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
)

// Feedback says how one signal of a partner's turned out. The zero Feedback is invalid.
type Feedback struct {
	From    string // the partner that sent the signal here, as authenticated
	Signal  abuse.Signal
	Verdict Verdict
	Source  Source
}

// Give puts feedback down, all of it or none. A signal counts once, whatever the number of accounts
// that it is about: of two verdicts that of the higher source holds, of one source the later. What
// this service has itself found or passed on is no feedback about a partner, and is left out.
func (h *Hearings) Give(ctx context.Context, all ...Feedback) error {
	now := h.now()
	return h.store.Update(ctx, func(w abuse.Writer) error {
		for i := range all {
			if err := h.give(w, &all[i], now); err != nil {
				return err
			}
		}
		return nil
	})
}

// GiveOn is feedback on the signals that carried a decision: [Right] for instance when the
// service's own users report the account afterwards.
func (h *Hearings) GiveOn(ctx context.Context, d abuse.Decision, v Verdict, s Source) error {
	return h.Give(ctx, carriers(&d, v, s)...)
}

func carriers(d *abuse.Decision, v Verdict, source Source) (all []Feedback) {
	for i := range d.Explanation.Signals {
		if s := &d.Explanation.Signals[i]; slices.Contains(d.Signals, s.Signal.ID) {
			all = append(all, Feedback{s.From, s.Signal, v, source})
		}
	}
	return all
}

// learn gives the feedback that a person's answer is.
func (h *Hearings) learn(w abuse.Writer, c *Case, r *Resolution, now time.Time) error {
	source := FromReview
	if c.Kind == Appeal {
		source = FromAppeal
	}
	verdict := Verdict(0)
	switch {
	case r.Outcome == Upheld:
		verdict = Right
	case r.Outcome == Overturned && r.Ground == WrongSignal:
		verdict = Wrong
	default:
		return nil // it says something of our rules or of our accounts, and nothing of the signal
	}
	all := carriers(&c.Decision, verdict, source)
	for i := range all {
		if err := h.give(w, &all[i], now); err != nil {
			return err
		}
	}
	return nil
}

// echo says whether a signal was found or passed on by this service: its own word that comes back
// corroborates nothing, and makes no partner more credible.
func (h *Hearings) echo(s *abuse.Signal) bool {
	return s.Origin == h.cfg.Self || slices.Contains(s.Path, h.cfg.Self)
}

// Feedback rows: 1+partner, signal 16 -> verdict 1, source 1, relayed 1, BE64 seconds. No account is
// in them.
const feedbackBytes = 11

type feedbackRow struct {
	verdict Verdict
	source  Source
	relayed bool
	at      int64
}

func (f *feedbackRow) value() []byte {
	relayed := byte(0)
	if f.relayed {
		relayed = 1
	}
	return binary.BigEndian.AppendUint64([]byte{byte(f.verdict), byte(f.source), relayed}, uint64(f.at))
}

func parseFeedback(b []byte) (f feedbackRow, err error) {
	if len(b) != feedbackBytes {
		return f, damaged("feedback")
	}
	f = feedbackRow{Verdict(b[0]), Source(b[1]), b[2] == 1, int64(binary.BigEndian.Uint64(b[3:]))}
	if !known(f.verdict, verdictWords) || !known(f.source, sourceWords) || b[2] > 1 || f.at < 0 {
		return feedbackRow{}, damaged("feedback")
	}
	return f, nil
}

// partnerName begins the keys of a partner's feedback.
func partnerName(name string) []byte { return append([]byte{byte(len(name))}, name...) }

func (h *Hearings) give(w abuse.Writer, f *Feedback, now time.Time) error {
	switch {
	case f.From == "" || len(f.From) > abuse.MaxName:
		return &abuse.Error{Field: "feedback partner", Problem: "must be named as in its agreement"}
	case !known(f.Verdict, verdictWords) || !known(f.Source, sourceWords):
		return &abuse.Error{Field: "feedback", Problem: "must have a verdict and a source"}
	case f.Signal.ID == uuid.Nil:
		return &abuse.Error{Field: "feedback signal", Problem: "must be named"}
	case h.echo(&f.Signal):
		return nil
	}
	key := append(partnerName(f.From), f.Signal.ID[:]...)
	got, err := w.Get(abuse.Feedback, key)
	if err != nil {
		return err
	}
	// One that is damaged is written anew: it keeps no person from an answer.
	if old, err := parseFeedback(got[0]); err == nil && old.source > f.Source {
		return nil
	}
	row := feedbackRow{f.Verdict, f.Source, f.Signal.Origin != f.From, max(now.Unix(), 0)}
	value := row.value()
	if bytes.Equal(value, got[0]) {
		return nil
	}
	return w.Put(abuse.Feedback, key, value)
}
