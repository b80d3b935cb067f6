package cases

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
)

// Errors of a hearing, found by errors.Is.
var (
	// ErrNoCase says that there is no such case.
	ErrNoCase = errors.New("cases: no such case")
	// ErrNoDecision says that there is no such decision about the account.
	ErrNoDecision = errors.New("cases: no such decision")
	// ErrClaimed says that somebody else has the case in hand, or that it has changed meanwhile.
	ErrClaimed = errors.New("cases: somebody else has the case in hand")
	// ErrClosed says that the case has its outcome already.
	ErrClosed = errors.New("cases: the case is closed")
	// ErrMoved says that there is evidence, or another person's word, by now that the person has not
	// seen: claim again.
	ErrMoved = errors.New("cases: there is other evidence, or another person's word, by now: look at it and claim the case again")
	// ErrTooLate says that the time for an appeal is over.
	ErrTooLate = errors.New("cases: the time for an appeal is over")
	// ErrTooMany says that a partner has as many open cases here as it may have.
	ErrTooMany = errors.New("cases: the partner has too many open cases here")
)

// HearingsConfig is what [NewHearings] needs: Desk, Self and Key. Zero elsewhere means the default.
type HearingsConfig struct {
	// Desk has a Store; people's decisions go into force through it, and its Settle decides on what
	// has come in between a claim and the answer.
	Desk *Desk
	// Self is the service's name, as in agreements: its own signals that come back through a
	// partner speak neither for nor against that partner.
	Self string
	// Key makes the references of appeals: 32 bytes at least, secret, and the same for as long as
	// appeals are open.
	Key []byte
	// ReviewFrom is the mildest step that asks for a review; default [abuse.Suspend]. ReviewRule, if
	// it is not nil, says that decisions of a rule ask for one whatever their step.
	ReviewFrom abuse.Action
	ReviewRule func(rule string) bool
	// Sample is the share of the other decisions with a step, 0 to 1, that are reviewed too. Without
	// it a scorecard knows of a partner's harshest signals only. Which they are follows from the
	// decision's ID, which is a digest.
	Sample float64

	ReviewWithin time.Duration // in which a review is due; default 3 days
	ClaimFor     time.Duration // that a case may be in hand without an outcome; default 30 minutes
	// AppealWithin is how long after a decision an appeal may be opened; default 183 days, as Article
	// 20(1) of the EU's Digital Services Act asks for six months. AnswerWithin is the time in which
	// it is due; default 14 days.
	AppealWithin, AnswerWithin time.Duration
	// KeepClosed is how long a case is kept that has its outcome, with the evidence and the names in it:
	// at least AppealWithin; default 400 days, for the figures of a year. Work takes out those that have
	// been closed for longer and owe nothing. What came of them stays: what is in force, what an account
	// was cleared of, the verdicts on partners. The same question, should it come again, is a new case.
	// Below zero: until Forget.
	KeepClosed time.Duration
	// MostContested is how many open cases one partner may have here by way of its appeals; default
	// 1000. Above it they are refused, so that nobody fills the queue of another.
	MostContested int

	// These three are called until they give nil, also after a restart, by whichever process has them:
	// in one that only shows cases they are nil, and what is owed is left for the others.
	//
	// Carry hands the reference of an appeal to the partner that sent the signal; a call has 30 seconds,
	// and for one that can never be reached again it gives nil. Retract withdraws a
	// signal of this service's own from every partner that has it: with package watch,
	// Transmitter.Retract of each of its transmitters. Deliver hands a person's decision on, to be
	// carried out, or a later one about the account, also an automatic one, if there is one by then:
	// what it hands on last is what holds. The same may come twice.
	Carry   func(context.Context, AppealReference) error
	Retract func(ctx context.Context, signal uuid.UUID) error
	Deliver func(context.Context, abuse.Decision) error
	// Console says that this process shows cases and takes answers, for a service whose rules for
	// reviews are another process's: it does not settle, and ReviewFrom, ReviewRule, Sample and the
	// Desk's Decide mean nothing to it. What an answer leaves to be decided on or to be reviewed is
	// owed, and Work of a process without Console does it, under what that process has.
	Console bool
	// Overdue is told of each case that has passed its time, once unless something fails meanwhile.
	Overdue func(Case)
	// Clock gives the time; nil means time.Now.
	Clock func() time.Time
	Score ScoreConfig
}

// Hearings is where people have their say: reviews of decisions, appeals against them, and what
// both teach about partners.
//
//	Settle ── a step that wants a person ──> review ─┐
//	an account's holder ── Open ──> appeal ──────────┼─> Queue ─> Claim ─> Resolve ─┬─> Desk.Rule, Deliver
//	      │ Carry: a reference          ┌────────────┘                              ├─> Cards ─> Weights
//	      └─────> the origin's Contest ─┘ contested                                 └─> Retract, over the feed
//
// It is safe for concurrent use, also by several processes on one store. The zero Hearings is invalid.
type Hearings struct {
	cfg   HearingsConfig
	store abuse.Store

	mu     sync.Mutex // of keptTo
	keptTo []byte     // where Work goes on taking out what is too old; nil: at the beginning
}

// NewHearings makes hearings. Every problem of the configuration is in the error, each an [*abuse.Error].
func NewHearings(cfg HearingsConfig) (*Hearings, error) {
	day := 24 * time.Hour
	cfg.ReviewFrom = orDefault(cfg.ReviewFrom, abuse.Suspend)
	cfg.ReviewWithin = orDefault(cfg.ReviewWithin, 3*day)
	cfg.ClaimFor = orDefault(cfg.ClaimFor, 30*time.Minute)
	cfg.AppealWithin = orDefault(cfg.AppealWithin, 183*day)
	cfg.AnswerWithin = orDefault(cfg.AnswerWithin, 14*day)
	cfg.KeepClosed = orDefault(cfg.KeepClosed, max(400*day, cfg.AppealWithin))
	cfg.MostContested = orDefault(cfg.MostContested, 1000)
	cfg.Score = cfg.Score.withDefaults()
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	var problems []error
	check := func(ok bool, field, problem string) {
		if !ok {
			problems = append(problems, &abuse.Error{Field: "hearings " + field, Problem: problem})
		}
	}
	check(cfg.Desk != nil && cfg.Desk.cfg.Store != nil, "desk", "must be given, with a store")
	check(cfg.Self != "" && len(cfg.Self) <= abuse.MaxName, "self", "must be the service's name")
	check(len(cfg.Key) >= 32, "key", "must have at least 32 bytes")
	check(cfg.ReviewFrom >= abuse.Label && cfg.ReviewFrom <= abuse.Disable, "review_from", "must be a step")
	check(cfg.Sample >= 0 && cfg.Sample <= 1, "sample", "must be 0 to 1")
	for name, d := range map[string]time.Duration{"review_within": cfg.ReviewWithin, "claim_for": cfg.ClaimFor,
		"appeal_within": cfg.AppealWithin, "answer_within": cfg.AnswerWithin} {
		check(d >= time.Minute && d <= 3*366*day, name, "must be a minute to three years")
	}
	check(cfg.KeepClosed < 0 || cfg.KeepClosed >= cfg.AppealWithin, "keep_closed", "must be appeal_within at least")
	check(cfg.MostContested >= 1, "most_contested", "must be at least 1")
	problems = append(problems, cfg.Score.problems()...)
	if len(problems) > 0 {
		return nil, errors.Join(problems...)
	}
	cfg.Key = slices.Clone(cfg.Key)
	return &Hearings{cfg: cfg, store: cfg.Desk.cfg.Store}, nil
}

func orDefault[T comparable](v, otherwise T) T {
	var zero T
	if v == zero {
		return otherwise
	}
	return v
}

func (h *Hearings) now() time.Time { return h.cfg.Clock().UTC().Round(0) }

// SettleFunc has the form of watch.DeciderConfig.Settle and of [Desk.Settle].
type SettleFunc = func(w abuse.Writer, e abuse.Evidence, now time.Time, record bool) (abuse.Decision, error)

// Around gives settle with the people's say around it, in the same transaction: signals that a person
// has cleared the account of are not weighed again, also when the ruling has run out that came of it,
// and a decision that wants a person is put into the queue.
func (h *Hearings) Around(settle SettleFunc) SettleFunc {
	return func(w abuse.Writer, e abuse.Evidence, now time.Time, record bool) (abuse.Decision, error) {
		if h.cfg.Console {
			return abuse.Decision{}, &abuse.Error{Field: "config Console", Problem: "says that this process does not settle"}
		}
		e, err := h.withoutCleared(w, e, now)
		if err != nil {
			return abuse.Decision{}, err
		}
		d, err := settle(w, e, now, record)
		if err != nil || !record {
			return d, err
		}
		return d, h.consider(w, &d, now)
	}
}

const runRows = 500 // looked at in one go

// Work does what is owed: references that are to be carried, signals to be withdrawn, cases that
// have passed their time; and it takes out at most 200 cases that were kept for long enough. It is to be called every minute or so; what fails is left for the next
// call, and is in the error. A partner that hangs takes it half a minute: give it a context with more
// time than all of them may take.
func (h *Hearings) Work(ctx context.Context) error {
	return errors.Join(h.ring(ctx), h.retire(ctx), h.settleDebts(ctx))
}

// ring tells of cases that have passed their time, each once unless the process or the store fails in
// between.
func (h *Hearings) ring(ctx context.Context) error {
	if h.cfg.Overdue == nil {
		return nil
	}
	var failed []error
	for from, to := []byte{lateRow}, dueKey(lateRow, h.now(), uuid.Nil); ; {
		var rows []abuse.Row
		var late []Case
		var damage []error
		err := h.store.View(ctx, func(r abuse.Reader) (err error) {
			if rows, err = r.Scan(abuse.Cases, from, to, runRows); err != nil {
				return err
			}
			for _, row := range rows {
				c, err := caseOf(r, row.Key)
				switch {
				case odd(err):
					damage = append(damage, err) // and the others are told of
				case err != nil:
					return err
				default:
					late = append(late, c)
				}
			}
			return nil
		})
		if failed = append(failed, damage...); err != nil || len(rows) == 0 {
			return errors.Join(append(failed, err)...)
		}
		for _, c := range late {
			h.cfg.Overdue(c)
		}
		err = h.store.Update(ctx, func(w abuse.Writer) error {
			for _, c := range late {
				if err := w.Delete(abuse.Cases, dueKey(lateRow, c.Due, c.ID)); err != nil {
					return err
				}
			}
			return nil
		})
		if err != nil {
			return errors.Join(append(failed, err)...)
		}
		from = append(slices.Clone(rows[len(rows)-1].Key), 0)
	}
}
