package watch

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/linkage"
)

// DeciderConfig is what a [Decider] needs. Store, Accounts, Decide or Settle, and Deliver are required.
type DeciderConfig struct {
	Store    abuse.Store
	Accounts Accounts
	// Decide is a pure function, as [abuse.Decide] under the caller's policy is: it runs inside a
	// transaction, and again if that is repeated.
	Decide func(abuse.Evidence, time.Time) abuse.Decision
	// Settle, if it is not nil, decides in the place of Decide, within the transaction in which the
	// decision is recorded, so that what it writes holds if and only if the decision does: package
	// cases has one. With record false nothing has changed and nothing is recorded: Settle gives what
	// is in force, never a harsher step than that, and must write nothing. Like all that runs in a
	// transaction it does nothing but read and write rows: it may be called again, and for nothing.
	Settle func(w abuse.Writer, e abuse.Evidence, now time.Time, record bool) (abuse.Decision, error)
	// Own gives what this service's own users have reported about an account, for
	// [abuse.Evidence.Own]; nil: nothing is known. It is asked where Accounts is asked for holdings,
	// outside of transactions, and an error of it, [ErrGone] too, is taken as one of those. New
	// reports change nothing by themselves: hand their accounts to [Decider.Reconsider].
	Own func(ctx context.Context, account string) (abuse.Own, error)
	// Deliver hands a change on. It is called again, also after a restart, until it has given nil
	// once and that was put down: so the same change may come twice, with the same [Event.ID].
	// Changes of one account come in their order.
	//
	// Carry out [Event.Body], also where the ID has come before: the second time Body may be a
	// later decision, which comes in no other change. Decisions on one account may also reach you
	// by other ways, such as those of people (package cases) and of other processes with a Decider,
	// and overtake each other. So of all decisions on an account carry out the one with the latest
	// At, and after it no earlier one.
	Deliver func(context.Context, Event) error
	// Clock gives the time; nil means time.Now.
	Clock func() time.Time
	// Poll is how often [Decider.Run] looks for what other processes left, and for what has run
	// out; zero means a second.
	Poll time.Duration
	Observe
}

// Decider turns changes of matches, of all partners, into decisions, and hands each change on. What
// else a decision rests on changes without its knowing: [Decider.Reconsider]. One
// for a store is enough; with several each change is still decided on once. The zero Decider is
// invalid.
type Decider struct {
	cfg  DeciderConfig
	tel  *telemetry
	wake chan struct{}
	turn time.Duration // how long it decides at least before it hands on what has come of it
}

const (
	deciderRun  = 64  // accounts decided on in one Update
	expirySlice = 500 // matches that run out in one Update
	// Where there is much to decide on, what has come of it is handed on meanwhile: this often, so that
	// most of it is still [justMade].
	deliverEvery = justMade / 2
)

// NewDecider makes a decider. An error says what is missing.
func NewDecider(cfg DeciderConfig) (*Decider, error) {
	if cfg.Store == nil || cfg.Accounts == nil || cfg.Decide == nil && cfg.Settle == nil || cfg.Deliver == nil {
		return nil, errors.New("watch: a decider needs Store, Accounts, Decide or Settle, and Deliver")
	}
	if cfg.Poll < 0 {
		return nil, errors.New("watch: a decider's Poll is negative")
	}
	if cfg.Poll == 0 {
		cfg.Poll = time.Second
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	return &Decider{cfg: cfg, tel: cfg.Observe.telemetry(uuid.Nil, linkage.Receiver), wake: make(chan struct{}, 1), turn: deliverEvery}, nil
}

// Run does what there is to do until the context ends, and gives its error. Failures of the store,
// of a callback or of Deliver are logged, and what failed is tried again.
func (d *Decider) Run(ctx context.Context) error {
	tick := time.NewTicker(d.cfg.Poll)
	defer tick.Stop()
	for {
		if _, err := d.Step(ctx); err != nil && ctx.Err() == nil {
			d.tel.log.ErrorContext(ctx, "hueandcry.decide", "error", plain(err))
		}
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case <-d.wake:
		case <-tick.C:
		}
	}
}

// rouse lets Run look at once.
func (d *Decider) rouse() {
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// Step does what there is to do now: what has run out, accounts with changes and those that are to be
// reconsidered, changes to be handed on; these also in between, where there are many to decide on. It
// gives the number of changes that were handed on. An error does not keep it from what else there is;
// what failed is left for the next Step.
func (d *Decider) Step(ctx context.Context) (handed int, err error) {
	ctx, span := d.tel.span(ctx, "hueandcry.decide")
	defer span.End()
	said := &bodies{all: map[string]made{}}
	errExpire := d.expire(ctx)
	before := 0
	next := time.Now().Add(d.turn)
	errDecide := d.decide(ctx, said, func() {
		start := time.Now()
		if start.Before(next) {
			return
		}
		// What fails is tried again at the end, and told then.
		n, _ := d.deliver(ctx, said)
		before += n
		*said = bodies{all: map[string]made{}}
		// However long it takes to hand on, half of the time is for deciding.
		end := time.Now()
		next = end.Add(max(d.turn, end.Sub(start)))
	})
	handed, errDeliver := d.deliver(ctx, said)
	return before + handed, errors.Join(errExpire, errDecide, errDeliver)
}

// expire ends the matches whose time is over. One that cannot be read waits, and keeps no other back.
func (d *Decider) expire(ctx context.Context) error {
	now := d.cfg.Clock().Unix()
	to := be64(uint64(now) + 1)
	var failed []error
	for from := []byte(nil); ; {
		var next []byte
		var unread []error
		err := d.cfg.Store.Update(ctx, func(w abuse.Writer) error {
			next, unread = nil, nil
			rows, err := w.Scan(abuse.Expiries, from, to, expirySlice)
			if err != nil {
				return err
			}
			l := newLedger(w)
			for _, row := range rows {
				if err := l.expired(row.Key, now); isolated(err) {
					unread = append(unread, err)
				} else if err != nil {
					return err
				}
			}
			if len(rows) == expirySlice {
				next = append(bytes.Clone(rows[expirySlice-1].Key), 0)
			}
			return l.write()
		})
		failed = append(keep(failed, unread...), err)
		if from = next; err != nil || from == nil {
			return errors.Join(failed...)
		}
	}
}

// candidate is an account to decide on, and what the caller knows of it.
type candidate struct {
	account string
	key     []byte // of the row
	stamp   []byte
	again   bool // the caller has asked: see Reconsider
	facts   facts
	gone    bool
	row     undecided
}

// facts are what the caller knows of an account.
type facts struct {
	holdings []abuse.Holding
	own      abuse.Own
}

// ask asks the caller what he knows of an account.
func (d *Decider) ask(ctx context.Context, accounts Accounts, account string) (f facts, err error) {
	if f.holdings, err = accounts.Holdings(ctx, account); err != nil {
		return f, fmt.Errorf("watch: holdings: %w", err)
	}
	if d.cfg.Own != nil {
		if f.own, err = d.cfg.Own(ctx, account); err != nil {
			return f, fmt.Errorf("watch: own reports: %w", err)
		}
	}
	return f, nil
}

// bodies are decisions that were made just now, by the keys of their rows: they need not be read to be
// handed on. Beyond bodiesKept they are read all the same.
type bodies struct {
	all  map[string]made
	size int // bytes
}

const bodiesKept = 16 << 20

func (b *bodies) keep(key []byte, m made) {
	if b.size+len(m.body) <= bodiesKept {
		b.all[string(key)], b.size = m, b.size+len(m.body)
	}
}

// made is a decision as JSON, and when it was committed, by this process's clock.
type made struct {
	body json.RawMessage
	at   time.Time
}

// decide goes once through the accounts with changes, and calls between between two runs of them.
func (d *Decider) decide(ctx context.Context, said *bodies, between func()) error {
	var failed []error
	var from []byte
	for {
		var rows []abuse.Row
		err := d.cfg.Store.View(ctx, func(r abuse.Reader) (err error) {
			rows, err = r.Scan(abuse.Undecided, from, nil, deciderRun)
			return err
		})
		if err != nil {
			return errors.Join(append(failed, err)...)
		}
		if len(rows) == 0 {
			return errors.Join(failed...)
		}
		from = append(rows[len(rows)-1].Key, 0)
		last := len(rows) < deciderRun
		var run []candidate
		now := d.cfg.Clock()
		for _, row := range rows {
			account, rest, ok := splitAccount(row.Key)
			again := bytes.Equal(rest, []byte{againRow})
			u, err := parseUndecided(row.Value)
			if !ok || len(rest) > 0 && !again {
				err = damaged("undecided")
			}
			if err != nil {
				failed = keep(failed, err)
				continue
			}
			if u.notBefore.After(now) {
				continue // it was gone a moment ago
			}
			facts, err := d.ask(ctx, d.cfg.Accounts, account)
			if err != nil && !errors.Is(err, ErrGone) {
				failed = keep(failed, err)
				continue
			}
			run = append(run, candidate{account, row.Key, row.Value, again, facts, err != nil, u})
		}
		if err := d.settleAll(ctx, run, said); err != nil {
			failed = keep(failed, err)
		}
		if last {
			return errors.Join(failed...)
		}
		between()
	}
}

// settleAll decides on a run of accounts in one Update, and one by one if that fails for a reason
// that is not the store's as a whole: one account does not stand in the way of others.
func (d *Decider) settleAll(ctx context.Context, run []candidate, said *bodies) error {
	var store *abuse.StoreError
	err := d.settleRun(ctx, run, said)
	if err == nil || len(run) == 1 || errors.As(err, &store) && !isolated(err) || ctx.Err() != nil {
		return err
	}
	var failed []error
	for i := range run {
		failed = append(failed, d.settleRun(ctx, run[i:i+1], said))
	}
	return errors.Join(failed...)
}

func (d *Decider) settleRun(ctx context.Context, run []candidate, said *bodies) error {
	var verdicts []verdict
	err := d.cfg.Store.Update(ctx, func(w abuse.Writer) error {
		verdicts = verdicts[:0]
		keys := make([][]byte, len(run))
		for i := range run {
			keys[i] = run[i].key
		}
		stamps, err := w.Get(abuse.Undecided, keys...)
		if err != nil {
			return err
		}
		for i, c := range run {
			if stamps[i] == nil || string(stamps[i]) != string(c.stamp) {
				continue // decided by another, or changed since the caller was asked
			}
			if c.gone {
				if err := d.gone(w, keys[i], c.row); err != nil {
					return err
				}
				continue
			}
			var v verdict
			if c.again {
				v, err = d.reconsider(w, &c)
			} else {
				v, err = d.settle(w, newLedger(w), c.account, c.facts)
			}
			if err != nil {
				return err
			}
			verdicts = append(verdicts, v)
		}
		return nil
	})
	if err == nil {
		at := time.Now()
		for _, v := range verdicts {
			d.count(ctx, v)
			if v.body != nil {
				said.keep(v.key, made{v.body, at})
			}
		}
	}
	return err
}

// gone leaves an account that the caller does not know for later: he may be about to store it.
// One that has been gone for long is left for good.
func (d *Decider) gone(w abuse.Writer, key []byte, u undecided) error {
	now := d.cfg.Clock()
	if u.gone.IsZero() {
		u.gone = now
	}
	if now.Sub(u.gone) >= goneAfter {
		return w.Delete(abuse.Undecided, key)
	}
	u.notBefore = now.Add(min(max(now.Sub(u.gone), time.Second), recheckMost))
	return w.Put(abuse.Undecided, key, u.value())
}

// verdict is what settling an account came to.
type verdict struct {
	decision abuse.Decision
	matched  int // signals that are live
	events   []Event
	key      []byte          // of the decision's row, if it was written
	body     json.RawMessage // likewise
}

func (d *Decider) count(ctx context.Context, v verdict) {
	if len(v.events) > 0 {
		d.tel.decisions.Add(ctx, 1, d.tel.with("action", v.decision.Action.String()))
	}
	for _, e := range v.events {
		d.tel.events.Add(ctx, 1, d.tel.with("change", e.Change.String()))
	}
}

// weighed is what there is to decide on about an account.
type weighed struct {
	matches  []*match
	evidence abuse.Evidence
	live     int  // signals
	changed  bool // something is to be told
}

func (d *Decider) weigh(l *ledger, account string, f facts, now time.Time) (x weighed, err error) {
	x.evidence = abuse.Evidence{Account: account, Holdings: f.holdings, Own: f.own}
	x.matches, err = l.account(account)
	crowd := crowded(x.matches, now)
	for _, m := range x.matches {
		m.expire(now.Unix())
		x.changed = x.changed || m.change() != 0
		if m.live() {
			x.live++
			if crowd[m] {
				x.evidence.Unreadable++
				continue
			}
			// What cannot be read is counted in the evidence, and carries nothing.
			_ = x.evidence.Add(m.partner, linkage.Match{Account: account, Signals: []linkage.MatchedSignal{m.matched()}})
		}
	}
	return x, err
}

// settle decides on one account within an Update. If something has not been told yet, the decision
// and an event for each change are written, and the changes marked as told, all in this Update:
// that is why each is decided on once. If nothing is to be told nothing is written.
func (d *Decider) settle(w abuse.Writer, l *ledger, account string, f facts) (verdict, error) {
	now, err := d.now(w, account)
	if err != nil {
		return verdict{}, err
	}
	x, err := d.weigh(l, account, f, now)
	if err != nil {
		return verdict{}, err
	}
	v := verdict{matched: x.live}
	if d.cfg.Settle == nil {
		v.decision = d.cfg.Decide(x.evidence, now)
	} else if v.decision, err = d.cfg.Settle(w, x.evidence, now, x.changed); err != nil {
		return verdict{}, err
	}
	if x.changed {
		for _, m := range x.matches {
			if c := m.change(); c != 0 {
				v.events = append(v.events, m.tell(c, now, v.decision.ID))
			}
		}
		if err := record(w, account, now, &v); err != nil {
			return verdict{}, err
		}
	}
	if err := l.write(); err != nil {
		return verdict{}, err
	}
	return v, w.Delete(abuse.Undecided, accountKey(account))
}

// record writes the decision and its events.
func record(w abuse.Writer, account string, now time.Time, v *verdict) error {
	body, err := v.decision.MarshalJSON() // json.Marshal would go over it again
	if err != nil {
		return fmt.Errorf("watch: a decision cannot be written: %w", err)
	}
	v.key, v.body = decisionKey(account, now, v.decision.ID), body
	if err := w.Put(abuse.Decisions, v.key, body); err != nil {
		return err
	}
	for i := range v.events {
		row := v.events[i].row()
		if err := w.Put(abuse.Outbox, row.Key, row.Value); err != nil {
			return err
		}
	}
	return nil
}

// now is the time of the next decision on an account: later than the last one's, also when the
// clock has been set back.
func (d *Decider) now(r abuse.Reader, account string) (time.Time, error) {
	now := d.cfg.Clock().UTC()
	prefix := accountKey(account)
	rows, err := r.Scan(abuse.Decisions, prefix, after(prefix), 1)
	if err != nil || len(rows) == 0 {
		return now, err
	}
	at, _, err := parseDecisionKey(rows[0].Key)
	if last := at.Add(1); last.After(now) {
		now = last
	}
	return now, err
}

func decisionKey(account string, at time.Time, id uuid.UUID) []byte {
	return append(binary.BigEndian.AppendUint64(accountKey(account), ^uint64(at.UnixNano())), id[:]...)
}

func parseDecisionKey(key []byte) (at time.Time, id uuid.UUID, err error) {
	_, rest, ok := splitAccount(key)
	if !ok || len(rest) != 24 {
		return time.Time{}, uuid.Nil, damaged("decision")
	}
	return time.Unix(0, int64(^binary.BigEndian.Uint64(rest))).UTC(), uuid.UUID(rest[8:]), nil
}
