package cases

import (
	"bytes"
	"cmp"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
)

// Reference names an appeal at the service that sent the signal: an HMAC-SHA256 under this
// service's key (RFC 2104), another for every partner and signal. It says nothing of the account, of
// the decision or of other references, and its maker alone can find the appeal by it. The zero
// Reference is none. It prints as 64 hexadecimal digits.
type Reference [32]byte

// String gives 64 hexadecimal digits.
func (r Reference) String() string { return hex.EncodeToString(r[:]) }

// MarshalText gives 64 hexadecimal digits.
func (r Reference) MarshalText() ([]byte, error) { return hex.AppendEncode(nil, r[:]), nil }

// UnmarshalText reads 64 hexadecimal digits; anything else is an [*abuse.Error].
func (r *Reference) UnmarshalText(text []byte) error {
	var v Reference
	if len(text) != hex.EncodedLen(len(v)) {
		return &abuse.Error{Field: "reference", Problem: "must be 64 hexadecimal digits"}
	}
	if _, err := hex.Decode(v[:], text); err != nil {
		return &abuse.Error{Field: "reference", Problem: "must be 64 hexadecimal digits"}
	}
	*r = v
	return nil
}

// AppealReference is what the partner that sent a signal is told of an appeal: that somebody
// contests it, and by when an answer is wanted. It tells the partner that the signal reached an
// account here, which nothing else does; the account's holder asked for it by appealing. The zero
// AppealReference is invalid.
type AppealReference struct {
	To        string    `json:"to"` // the partner that sent the signal here; a partner that passed it on passes this on
	Reference Reference `json:"reference"`
	Signal    uuid.UUID `json:"signal"`
	Due       time.Time `json:"due"` // whole days only, so that it does not date the appeal
}

// Open opens an appeal against a decision about an account, for its holder. The same appeal again
// gives the case that there is, with its outcome if it has one: a decision is appealed against once,
// and the person's decision about it can be appealed against in turn.
//
// It gives [ErrNoDecision], [ErrTooLate], and an [*abuse.Error] for a decision that takes no step.
func (h *Hearings) Open(ctx context.Context, account string, decision uuid.UUID) (c Case, err error) {
	now := h.now()
	err = h.store.Update(ctx, func(w abuse.Writer) error {
		d, err := findDecision(w, account, decision)
		if err != nil {
			return err
		}
		id := appealID(decision)
		if c, err = readCase(w, id); err != ErrNoCase {
			return err
		}
		switch {
		case d.Action <= abuse.None || d.Mode != abuse.Live:
			return &abuse.Error{Field: "decision", Problem: "takes no step that one could appeal against"}
		case now.Sub(d.At) > h.cfg.AppealWithin:
			return ErrTooLate
		}
		c, err = openCase(w, Case{ID: id, Kind: Appeal, Why: "appeal", Opened: now, Due: now.Add(h.cfg.AnswerWithin), Decision: d})
		if err != nil || len(h.references(&c)) == 0 {
			return err
		}
		return w.Put(abuse.Cases, owedKey(debtCarry, id), mark)
	})
	if err != nil {
		return Case{}, err
	}
	return c, nil
}

func appealID(decision uuid.UUID) uuid.UUID { return digestID("appeal", decision[:]) }

// findDecision looks through the decisions about an account, the latest first.
func findDecision(r abuse.Reader, account string, id uuid.UUID) (d abuse.Decision, err error) {
	if len(account) > maxAccount {
		return d, ErrNoDecision
	}
	prefix := text(nil, account)
	for from, to := prefix, after(prefix); ; {
		rows, err := r.Scan(abuse.Decisions, from, to, runRows)
		if err != nil {
			return d, err
		}
		for _, row := range rows {
			if !bytes.HasSuffix(row.Key, id[:]) {
				continue
			}
			if json.Unmarshal(row.Value, &d) != nil || d.ID != id || d.Account != account {
				return abuse.Decision{}, damaged("decision")
			}
			return d, nil
		}
		if len(rows) < runRows {
			return d, ErrNoDecision
		}
		from = append(rows[len(rows)-1].Key, 0)
	}
}

// references are what the partners are told of an appeal: of each signal that carried the step, but
// for those that this service has touched itself.
func (h *Hearings) references(c *Case) (all []AppealReference) {
	if c.Kind != Appeal {
		return nil
	}
	due := c.Due.UTC().Truncate(24 * time.Hour)
	for i := range c.Decision.Explanation.Signals {
		s := &c.Decision.Explanation.Signals[i]
		if s.From == "" || h.echo(&s.Signal) || !slices.Contains(c.Decision.Signals, s.Signal.ID) {
			continue
		}
		all = append(all, AppealReference{s.From, h.reference(c.ID, s.From, s.Signal.ID), s.Signal.ID, due})
	}
	slices.SortFunc(all, func(a, b AppealReference) int {
		return cmp.Or(cmp.Compare(a.To, b.To), bytes.Compare(a.Signal[:], b.Signal[:]))
	})
	return slices.Compact(all) // a signal can be there with several revisions
}

func (h *Hearings) reference(appeal uuid.UUID, to string, signal uuid.UUID) (r Reference) {
	mac := hmac.New(sha256.New, h.cfg.Key)
	mac.Write([]byte("hueandcry/abuse/cases/reference/1"))
	mac.Write(appeal[:])
	mac.Write(signal[:])
	mac.Write([]byte(to))
	mac.Sum(r[:0])
	return r
}

// Contest takes the reference of an appeal from a partner that acted on a signal of this service's,
// and puts it before a person here. From is the partner as authenticated. Where the person overturns
// it the signal is withdrawn, by Retract, and so for every service that acted on it. It is due when the
// partner says, but not before a review that is opened at the time, nor later than AnswerWithin. The same
// again changes nothing. Whether the signal is this service's is for the caller to know, who should answer
// alike for those that are and those that are not.
//
// It gives [ErrTooMany] where the partner has as many open cases as it may have, and an
// [*abuse.Error] for a reference that is none.
func (h *Hearings) Contest(ctx context.Context, from string, ref AppealReference) (c Case, err error) {
	switch {
	case from == "" || len(from) > abuse.MaxName:
		return c, &abuse.Error{Field: "partner", Problem: "must be named as in its agreement"}
	case ref.To != h.cfg.Self:
		return c, &abuse.Error{Field: "appeal reference", Problem: "must be for this service"}
	case ref.Reference == Reference{} || ref.Signal == uuid.Nil:
		return c, &abuse.Error{Field: "appeal reference", Problem: "must have a reference and a signal"}
	}
	now := h.now()
	// It may be wanted sooner than we would answer, but not be put before all that is in the queue.
	due := now.Add(h.cfg.AnswerWithin)
	if ref.Due.After(now) && ref.Due.Before(due) {
		due = ref.Due.UTC()
		if soonest := now.Add(min(h.cfg.ReviewWithin, h.cfg.AnswerWithin)); due.Before(soonest) {
			due = soonest
		}
	}
	err = h.store.Update(ctx, func(w abuse.Writer) error {
		id := digestID("contested", []byte(from), ref.Reference[:], ref.Signal[:])
		if c, err = readCase(w, id); err != ErrNoCase {
			return err
		}
		prefix := partnerKey(theirsRow, from)
		rows, err := w.Scan(abuse.Cases, prefix, after(prefix), h.cfg.MostContested)
		if err != nil {
			return err
		}
		if len(rows) >= h.cfg.MostContested {
			return ErrTooMany
		}
		if err := w.Put(abuse.Cases, append(prefix[:len(prefix):len(prefix)], id[:]...), mark); err != nil {
			return err
		}
		c, err = openCase(w, Case{ID: id, Kind: Contested, Why: "partner", Opened: now, Due: due,
			From: from, Reference: ref.Reference, Signal: ref.Signal})
		return err
	})
	if err != nil {
		return Case{}, err
	}
	return c, nil
}
