package watch

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/attribute"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// Answer is what a check came to.
type Answer struct {
	// Decision is what to do now. Where a signal about the account has changed it is a new
	// decision, which is stored and handed on with the changes. Where none has, nothing new is
	// decided or stored. With [DeciderConfig.Settle] Decision then says what is in force: the
	// stored decision that made the step which the account is under, or else None. With Decide
	// alone it is what the evidence comes to at this moment. [Decider.Reconsider] decides anew.
	Decision abuse.Decision
	Matched  int // signals that are about the account
	// Pending says that the partner could not be asked: the decision rests on what is known here,
	// and a check is owed that will be made up for.
	Pending bool
}

// Check enrols an account that signs up, or that has changed, and decides if that changes its matches:
// one question to the partner, without a sign of what the answer is used for, then all else here. The
// identifiers are all that the account has, in the order of [Accounts]; those that it no longer has
// are forgotten, and identifiers that were enrolled for it before are not asked for again. What is
// not of the agreement's kinds is left out, and so is everything where the user has opted out. Of two checks
// of one account at the same time neither forgets what the other has brought: a check is owed then, which
// asks [Accounts] what the account has. So it is where the other has taken away what this one has.
//
// If the partner is down, does not answer within CheckTimeout or has nothing left of the day's
// budget, FailOpen stores that a check is owed before it returns a pending answer, and FailClosed
// gives the error: [ErrPartnerDown], a [*RemoteError], or [ErrNotOpen] before there is a base. What
// fails in the store or in a callback is an error either way, and then nothing is known to be stored.
func (r *Receiver) Check(ctx context.Context, account string, ids []hashing.Identifier) (Answer, error) {
	start := time.Now()
	ctx, span := r.tel.span(ctx, "hueandcry.check")
	defer span.End()
	answer, err := r.check(ctx, account, ids)
	outcome := "decided"
	switch {
	case err != nil:
		outcome = "failed"
	case answer.Pending:
		outcome = "pending"
	}
	span.SetAttributes(attribute.String("outcome", outcome))
	r.tel.since(ctx, r.tel.checkTime, start, r.tel.with("outcome", outcome))
	return answer, err
}

func (r *Receiver) check(ctx context.Context, account string, ids []hashing.Identifier) (Answer, error) {
	seen, err := r.seen(ctx, linkage.Account{Ref: account})
	if err != nil {
		return Answer{}, err
	}
	s, err := r.subject(ctx, account, ids)
	if err != nil {
		return Answer{}, err
	}
	s.seen = seen[0]
	if s.facts, err = r.cfg.Decider.ask(ctx, r.cfg.Accounts, account); err != nil && !errors.Is(err, ErrGone) {
		return Answer{}, err // who is not in the caller's tables yet is checked all the same
	}
	s.decide = true
	pending, err := r.enrolOrOwe(ctx, []*subject{s})
	if err != nil {
		return Answer{}, err
	}
	r.cfg.Decider.count(ctx, s.verdict)
	if len(s.verdict.events) > 0 {
		r.cfg.Decider.rouse()
	}
	return Answer{Decision: s.verdict.decision, Matched: s.verdict.matched, Pending: pending}, nil
}

// Enrol enrols accounts, or what has changed of them, without deciding at once: matches are left to
// the decider. Identifiers as of [Receiver.Check], and errors too. An account that comes twice has what it
// has the last time.
func (r *Receiver) Enrol(ctx context.Context, accounts []linkage.Account) error {
	for run := range slices.Chunk(accounts, enrolRun) {
		seen, err := r.seen(ctx, run...)
		if err != nil {
			return err
		}
		var all []*subject
		for i, a := range run {
			s, err := r.subject(ctx, a.Ref, a.Identifiers)
			if err != nil {
				return err
			}
			s.seen = seen[i]
			all = slices.DeleteFunc(all, func(before *subject) bool { return before.account == s.account })
			all = append(all, s)
		}
		if _, err := r.enrolOrOwe(ctx, all); err != nil {
			return err
		}
		r.cfg.Decider.rouse()
	}
	return nil
}

// seen gives what accounts hold before anybody is asked about them, the callbacks too: what another check
// brings after that is newer than what the caller has handed over.
func (r *Receiver) seen(ctx context.Context, accounts ...linkage.Account) (all [][]holding, err error) {
	err = r.cfg.Store.View(ctx, func(rd abuse.Reader) error {
		all = make([][]holding, len(accounts))
		for i, a := range accounts {
			if !validAccount(a.Ref) {
				return errAccount
			}
			held, err := holdingsOf(rd, a.Ref)
			if err != nil {
				return err
			}
			all[i] = append([]holding{}, held...)
		}
		return nil
	})
	return all, err
}

const (
	enrolRun       = 64 // accounts in one Update
	maxIdentifiers = 64 // of one account
)

var errIdentifiers = errors.New("watch: an account has at most 64 identifiers, none of them zero")

// subject is an account that is being enrolled.
type subject struct {
	account  string
	ids      []hashing.Identifier // those that are to be enrolled, each once
	places   []uint32             // of them
	stamp    []byte               // of the check that is owed and made up for; nil: there is none
	left     []byte               // the stamp after the Update
	paid     map[asking]linkage.Kept
	seen     []holding // what the account held before anybody was asked; nil: it was not looked at
	torn     bool      // another check has brought or taken away something meanwhile
	outdated bool      // by a check that was made meanwhile
	decide   bool
	facts    facts
	verdict  verdict
}

// asking is an identifier that was evaluated for an era.
type asking struct {
	era uint64
	id  hashing.Identifier
}

func (s *subject) pay(a asking, k linkage.Kept) {
	if s.paid == nil {
		s.paid = map[asking]linkage.Kept{}
	}
	s.paid[a] = k
}

// subject leaves out what may not be enrolled.
func (r *Receiver) subject(ctx context.Context, account string, ids []hashing.Identifier) (*subject, error) {
	if !validAccount(account) {
		return nil, errAccount
	}
	s := &subject{account: account}
	if r.cfg.OptOut != nil && r.cfg.Agreement.Purpose.OptOutApplies() {
		out, err := r.cfg.OptOut.OptedOut(ctx, account, r.cfg.Agreement.Purpose)
		if err != nil || out {
			return s, err
		}
	}
	if len(ids) > maxIdentifiers {
		return nil, errIdentifiers
	}
	for i, id := range ids {
		if id.IsZero() {
			return nil, errIdentifiers
		}
		if r.cfg.Agreement.Admits(id.Kind()) == nil && !slices.Contains(s.ids, id) {
			s.ids, s.places = append(s.ids, id), append(s.places, uint32(i))
		}
	}
	return s, nil
}

// enrolOrOwe enrols the accounts under the present epoch, or does what the caller has chosen for
// when the partner cannot be asked.
func (r *Receiver) enrolOrOwe(ctx context.Context, all []*subject) (pending bool, err error) {
	err = r.enrolAll(ctx, all, false)
	if exhausted(err) && len(all) > 1 { // some of them may still have room
		half := len(all) / 2
		pending, err = r.enrolOrOwe(ctx, all[:half])
		switch {
		case err != nil:
			return pending, err
		case pending: // where it ends is found by halving, and nobody is asked beyond it
			return true, r.oweAll(ctx, all[half:])
		}
		return r.enrolOrOwe(ctx, all[half:])
	}
	if !down(err) || r.cfg.WhenDown != FailOpen || ctx.Err() != nil {
		return false, err
	}
	return true, r.oweAll(ctx, all)
}

// oweAll stores that checks are owed, and decides on what is known where that is asked for.
func (r *Receiver) oweAll(ctx context.Context, all []*subject) error {
	now := r.cfg.Clock()
	return r.cfg.Store.Update(ctx, func(w abuse.Writer) (err error) {
		for _, s := range all {
			if _, err := owe(w, r.link, s.account, now, now); err != nil {
				return err
			}
			if s.decide {
				if s.verdict, err = r.cfg.Decider.settle(w, newLedger(w), s.account, s.facts); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// down says whether an error means that the partner could not be asked.
func down(err error) bool {
	var remote *RemoteError
	return errors.Is(err, ErrPartnerDown) || errors.Is(err, ErrNotOpen) || errors.Is(err, errShare) || errors.As(err, &remote)
}

// exhausted says whether an error means that the day's budget has no room for so many.
func exhausted(err error) bool {
	var remote *RemoteError
	return errors.As(err, &remote) && remote.Problem == BudgetExhausted || errors.Is(err, errShare)
}

// evaluate asks the partner for identifiers under the live generation of an epoch, each with an account
// that has it. Checks that are owed leave room for sign-ups.
func (r *Receiver) evaluate(ctx context.Context, c *course, ids []linkage.Account, owed bool) ([]linkage.Kept, error) {
	ctx, cancel := context.WithTimeoutCause(ctx, r.cfg.CheckTimeout, ErrPartnerDown)
	defer cancel()
	b, err := r.blinder(ctx, c.epoch)
	if err != nil {
		return nil, unreachable(ctx, err)
	}
	if owed {
		if err := r.share(ctx, len(ids)); err != nil {
			return nil, unreachable(ctx, err)
		}
	}
	if err := r.asked.count(ctx, r.cfg.Store, r.link, int64(len(ids))); err != nil {
		return nil, unreachable(ctx, err)
	}
	blinding, err := b.BlindFor(ctx, ids)
	if err != nil {
		return nil, unreachable(ctx, err)
	}
	id := uuid.New()
	answer, err := r.cfg.Partner.Evaluate(ctx, c.epoch, id, blinding.Request())
	if owed && exhausted(err) {
		err = errors.Join(err, r.share(ctx, -len(ids)))
	}
	if err != nil {
		return nil, unreachable(ctx, err)
	}
	r.tel.identifiers.Add(ctx, int64(len(ids)), r.tel.set)
	kept, err := blinding.Finish(answer, c.keepers[0])
	return kept, refused(err)
}

// refused makes of an answer that does not hold what it means: there is none.
func refused(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: %w", ErrPartnerDown, err)
}

// unreachable makes of a wait that was too long what it means. The caller's own context is his.
func unreachable(ctx context.Context, err error) error {
	if errors.Is(context.Cause(ctx), ErrPartnerDown) {
		return ErrPartnerDown
	}
	return err
}

// blinder gives that of an epoch, and asks for its opening once.
func (r *Receiver) blinder(ctx context.Context, epoch uint32) (*linkage.Blinder, error) {
	r.mu.Lock()
	b := r.blinders[epoch]
	r.mu.Unlock()
	if b != nil {
		return b, nil
	}
	opening, err := r.cfg.Partner.Opening(ctx, epoch)
	if err != nil {
		return nil, err
	}
	b, err = linkage.NewBlinder(linkage.Config{Agreement: r.cfg.Agreement, Signer: r.cfg.Signer, OptOut: r.cfg.OptOut}, epoch, opening)
	if err != nil {
		return nil, refused(err)
	}
	if err := r.pin(ctx, epoch, b.PublicKeyDigest()); errors.Is(err, ErrOtherKey) {
		return nil, refused(err)
	} else if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	for e := range r.blinders {
		if e+1 < epoch {
			delete(r.blinders, e)
		}
	}
	r.blinders[epoch] = b
	return b, nil
}
