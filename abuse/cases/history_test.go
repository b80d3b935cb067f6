package cases_test

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/abusetest"
	"github.com/hueandcry/hueandcry/abuse/cases"
	"github.com/hueandcry/hueandcry/abuse/sqlstore"
)

var partners = []string{"messenger.example", "market.example", "mail.example"}

// How many accounts there are: with two, many cases are about one account.
const two, few, many = 2, 8, 60

// history is one random history of a service: what partners say of its accounts, what its people
// answer, what is delivered to where it is carried out, and what fails on the way.
type history struct {
	*bench
	*cases.Hearings
	r      *rand.Rand
	m      *model
	next   int
	narrow bool
	busy   bool           // much happens in a day, and no cap holds
	seen   map[string]int // how often what happened
	people cases.HearingsConfig

	steps map[string][]uuid.UUID // decisions that one can appeal against
	modes map[string]bool        // who is in background
	outer
}

func newHistory(t testing.TB, r *rand.Rand, busy bool, edit ...func(*cases.Config)) *history {
	limits := cases.Limits{PartnerDay: 1 + r.Int64N(4), RuleDay: 1 + r.Int64N(5), CategoryDay: 1 + r.Int64N(5), Day: 1 + r.Int64N(7),
		SignalAccounts: 1 + r.Int64N(3), TripLeast: 1 + r.Int64N(3), TripDays: 1 + r.Int64N(4)}
	if r.IntN(3) == 0 { // room enough
		limits.PartnerDay, limits.RuleDay, limits.CategoryDay, limits.Day, limits.SignalAccounts = 100, 100, 100, 100, 100
	}
	if busy {
		limits = cases.Limits{PartnerDay: -1, RuleDay: -1, CategoryDay: -1, Day: -1, BaseShare: -1, SignalAccounts: -1, TripLeast: 1, TripDays: 1}
	}
	edit = append(edit, func(c *cases.Config) { c.Limits = limits })
	h := &history{busy: busy, narrow: r.IntN(3) == 0, bench: newBench(t, edit...), r: r, seen: map[string]int{}, steps: map[string][]uuid.UUID{}}
	h.m = newModel(t, limits)
	h.there = map[string]cases.Step{}
	h.newest = map[string]abuse.Decision{}
	h.faults = true
	h.people = cases.HearingsConfig{Self: "network.example", Key: make([]byte, 32), Clock: h.cfg.Clock, Deliver: h.delivered,
		ReviewFrom: abuse.Limit + abuse.Action(r.IntN(3)), Sample: 0.05}
	h.restart()
	return h
}

// restart makes all anew on the same store.
func (h *history) restart() {
	h.bench.restart()
	h.people.Desk = h.Desk
	var err error
	h.Hearings, err = cases.NewHearings(h.people)
	require.NoError(h.t, err)
}

// accounts is how many there are.
func (h *history) accounts() int {
	switch {
	case h.busy:
		return many
	case h.narrow:
		return two
	}
	return few
}

func (h *history) account() string { return fmt.Sprint("account-", h.r.IntN(h.accounts())) }

// signal makes a signal near the thresholds of the policy.
func (h *history) signal(n int, origin string, revision uint64) abuse.Signal {
	s := strong(n, origin)
	s.Revision = revision
	s.FirstObserved = h.now.AddDate(0, 0, -h.r.IntN(5)).Truncate(time.Second)
	s.LastObserved = s.FirstObserved
	s.ValidUntil = h.now.Add(time.Duration(1+h.r.IntN(20*24)) * time.Hour).Truncate(time.Second)
	s.Confidence = []int{20, 35, 55, 65, 85, 95}[h.r.IntN(6)]
	s.Severity = abuse.Severity(1 + h.r.IntN(4))
	s.Reports = uint32(h.r.IntN(6))
	if h.busy { // of one kind, so that a rule is met often
		s.Confidence, s.Severity, s.Reports = 85, abuse.High, 1+uint32(h.r.IntN(2))*4
	}
	s.Category = []abuse.Category{abuse.Spam, abuse.Phishing, abuse.Harassment}[h.r.IntN(3)]
	return s
}

// settleAll decides on accounts as package watch does: with the people's say around it, and recorded.
func (h *history) settleAll(accounts ...string) {
	h.t.Helper()
	for _, a := range accounts {
		h.now = h.now.Add(time.Second)
		has := stored{background: h.modes}
		e := h.m.evidence(a, h.now)
		var d abuse.Decision
		require.NoError(h.t, h.store.Update(ctx, func(w abuse.Writer) (err error) {
			if d, err = h.Around(h.Settle)(w, e, h.now, true); err != nil {
				return err
			}
			return cases.Record(w, d)
		}))
		var err error
		has.step, err = h.Beneath(ctx, a, h.now)
		require.NoError(h.t, err)
		h.m.settled(a, h.now, d, has)
		if slices.ContainsFunc(d.Bounds, func(b abuse.Bound) bool { return b.Name == cases.TrippedPartner || b.Name == cases.TrippedRule }) {
			h.modes = h.background()
		}
		h.recorded(d)
		h.seen["settled"]++
		for _, b := range d.Bounds {
			h.seen[b.Name]++
		}
		if d.Undoes != uuid.Nil {
			h.seen["undo"]++
		}
		if d.Reviewer != "" && has.step.Action > abuse.Label {
			h.seen["beneath"]++
		}
		if d.Reviewer != "" && bounded(d) {
			h.seen["bounded beneath"]++
		}
		h.relays(d, &has.step)
	}
}

// relays counts steps on accounts that one signal has reached on two ways.
func (h *history) relays(d abuse.Decision, step *cases.Step) {
	for i, s := range d.Explanation.Signals {
		for _, o := range d.Explanation.Signals[:i] {
			if s.Signal.ID == o.Signal.ID && slices.Contains(refs(step.Carriers), ref{s.From, s.Signal.ID}) != slices.Contains(refs(step.Carriers), ref{o.From, o.Signal.ID}) && bounded(d) {
				h.seen["copy left out"]++
			}
		}
	}
}

// background gives the partners and rules that are in background.
func (h *history) background() map[string]bool {
	all := map[string]bool{}
	require.NoError(h.t, h.store.View(ctx, func(r abuse.Reader) error {
		see := func(kind cases.Kind, name string) error {
			m, err := h.Mode(r, kind, name)
			all[name] = m.Background()
			return err
		}
		for _, p := range partners {
			if err := see(cases.KindPartner, p); err != nil {
				return err
			}
		}
		for i := range policy.Rules {
			if err := see(cases.KindRule, policy.Rules[i].ID); err != nil {
				return err
			}
		}
		return nil
	}))
	return all
}

// pass lets time go by; what runs out in it is decided on again, as package watch does.
func (h *history) pass(d time.Duration) {
	h.t.Helper()
	before := h.now
	h.now = h.now.Add(d)
	var changed []string
	for _, s := range h.m.all {
		if !s.gone && s.signal.ValidUntil.After(before) && !s.signal.ValidUntil.After(h.now.Add(time.Hour)) {
			h.seen["expired"]++
			changed = append(changed, s.accounts...)
		}
	}
	slices.Sort(changed)
	h.now = h.now.Add(time.Hour)
	h.settleAll(slices.Compact(changed)...)
}

// some gives a signal that is live, or nil.
func (h *history) some() *told {
	for range 5 {
		if n := len(h.m.all); n > 0 {
			if s := h.m.all[h.r.IntN(n)]; !s.gone && s.signal.ValidUntil.After(h.now.Add(time.Minute)) {
				return s
			}
		}
	}
	return nil
}

// relay lets another partner pass a signal on.
func (h *history) relay(s *told) {
	by := partners[h.r.IntN(len(partners))]
	if h.m.signals[ref{by, s.signal.ID}] == nil {
		h.m.tell(&told{signal: relay(s.signal, by), from: by, accounts: s.accounts})
		h.seen["relayed"]++
	}
}

// tell lets a partner say something about some accounts.
func (h *history) tell(accounts ...string) {
	from := partners[h.r.IntN(len(partners))]
	s := &told{signal: h.signal(h.next, from, 1), from: from}
	for _, a := range accounts {
		if !slices.Contains(s.accounts, a) {
			s.accounts = append(s.accounts, a)
		}
	}
	h.next++
	h.m.tell(s)
	if h.r.IntN(4) == 0 {
		h.relay(s)
	}
	h.settleAll(s.accounts...)
}

// live does one thing.
func (h *history) live() {
	h.t.Helper()
	switch h.r.IntN(20) {
	case 0, 1, 2, 3, 4:
		var accounts []string
		for range 1 + h.r.IntN(3) {
			accounts = append(accounts, h.account())
		}
		h.tell(accounts...)
	case 5, 6:
		if s := h.some(); s != nil {
			was := s.signal
			s.signal = h.signal(s.number(), was.Origin, was.Revision+1)
			s.signal.Category, s.signal.Path = was.Category, was.Path
			h.settleAll(s.accounts...)
		}
	case 7, 8, 9:
		if s := h.some(); s != nil {
			s.gone = true
			h.settleAll(s.accounts...)
		}
	case 10:
		h.rules()
	case 11: // the account has got another number, or the number another holder
		a := h.account()
		h.m.since[a] = h.now
		h.settleAll(a)
	case 12:
		h.restart()
		if s := h.some(); s != nil && len(s.signal.Path) == 0 {
			h.relay(s)
			h.settleAll(s.accounts...)
		}
	case 13:
		h.sweep()
	case 14:
		kind, name := cases.KindPartner, partners[h.r.IntN(len(partners))]
		if h.r.IntN(2) == 0 {
			kind, name = cases.KindRule, policy.Rules[h.r.IntN(len(policy.Rules))].ID
		}
		require.NoError(h.t, h.Reset(ctx, kind, name, "r. gomez"))
		h.modes = h.background()
		h.alarms()
	case 15:
		if h.busy && h.r.IntN(5) > 0 {
			return
		}
		h.pass(time.Duration(h.r.IntN(72)) * time.Hour)
	case 16:
		h.appeal()
	case 17, 18:
		h.answer()
	case 19:
		h.work()
	}
}

// check says that at the end all is as it should be.
func (h *history) check() {
	t := h.t
	h.m.caps()
	for i := range h.accounts() {
		a := fmt.Sprint("account-", i)
		is, want := h.under(a), h.m.now(a, h.now)
		require.Equal(t, want.action, is.Action, a)
		require.Equal(t, want.decision, is.Decision, a)
		if is.Action > abuse.None && is.Reviewer == "" {
			live := 0
			for _, c := range is.Carriers {
				s := h.m.signals[ref{c.From, c.Signal}]
				require.False(t, s.gone, "%s is under %s by a signal that was withdrawn", a, is.Action)
				if s.signal.ValidUntil.After(h.now) {
					live++
				}
				require.Contains(t, h.carried(c.From, s.number()), a)
			}
			require.Positive(t, live, "%s is under %s and all that carries it is over", a, is.Action)
			require.NotEmpty(t, want.charged, "%s is under %s and nobody was charged for it", a, is.Action)
		}
		if d, ok := h.m.last[a]; ok && !bounded(d) && d.At.Before(h.now) {
			must := decide(h.m.unseen(a, d.At), d.At)
			if must.Action > abuse.None && must.Until.After(h.now) {
				require.GreaterOrEqual(t, is.Action, must.Action, "%s is free of what live evidence requires", a)
			}
		}
		h.tells(a, is)
	}
	for _, s := range h.m.all {
		if s.gone {
			require.Empty(t, h.carried(s.from, s.number()), "withdrawn")
		}
	}
	require.Equal(t, h.m.heldBack(), h.heldBack())
	h.receipts()
}

// receipts says that each undo has its own.
func (h *history) receipts() {
	t := h.t
	owed := h.m.owed()
	for key, counts := range owed {
		origin, on, _ := strings.Cut(key, " ")
		day, err := time.Parse(time.DateOnly, on)
		require.NoError(t, err)
		got, err := h.ExactReceipts(ctx, origin, day)
		require.NoError(t, err)
		require.Equal(t, counts, got, key)
	}
	sums := map[string][3]int64{}
	for key, counts := range owed {
		origin, on, _ := strings.Cut(key, " ")
		day, err := time.Parse(time.DateOnly, on)
		require.NoError(t, err)
		for day.Weekday() != time.Monday {
			day = day.AddDate(0, 0, -1)
		}
		if !day.AddDate(0, 0, 7).After(h.now) {
			sum := sums[origin+day.String()]
			for i, n := range counts {
				sum[i] += n
			}
			sums[origin+day.String()] = sum
		}
	}
	for key, sum := range sums {
		for i, n := range sum {
			sum[i] = n - n%10
		}
		if sums[key] = sum; sum == [3]int64{} {
			delete(sums, key)
		}
	}
	for _, p := range partners {
		receipts, err := h.Receipts(ctx, p)
		require.NoError(t, err)
		for _, r := range receipts {
			require.Equal(t, sums[p+r.Week.String()], [3]int64{r.Undone, r.Softened, r.Overturned})
			delete(sums, p+r.Week.String())
		}
	}
	require.Empty(t, sums, "weeks that should be told")
}

func (h *history) run(events int) {
	if h.busy {
		events *= 10
	}
	for range events {
		h.live()
	}
	h.pass(0)
	h.quiet()
	h.check()
}

// A thousand histories, each beside the slow model; with HUEANDCRY_FULL five times as many, and longer.
func TestHistories(t *testing.T) {
	histories, events := 1000, 25
	if testing.Short() {
		histories = 250
	}
	if os.Getenv("HUEANDCRY_FULL") != "" {
		histories, events = 5_000, 60
	}
	// The heap is small and the garbage much: a third of the time went into collecting it.
	defer debug.SetGCPercent(debug.SetGCPercent(1000))
	seed := seed(t)
	seen := map[string]int{}
	// Some more if no partner has left his band yet: it takes a busy history, and one run in twenty had none.
	for i := 0; i < histories || !testing.Short() && seen[cases.TrippedPartner] == 0 && i < histories+100; i++ {
		store := abusetest.Faulty(abuse.NewMemory(), func(op string, n int) abusetest.Fault {
			if op == "update" && n%3 == i%4 {
				return abusetest.Rerun // transactions may be repeated
			}
			return abusetest.None
		})
		h := newHistory(t, rand.New(rand.NewPCG(seed, uint64(i))), i%(histories/20) == 0 || i >= histories, func(c *cases.Config) { c.Store = store })
		func() {
			defer func() {
				if t.Failed() {
					t.Logf("history %d", i)
				}
			}()
			h.run(events)
		}()
		for k, n := range h.seen {
			seen[k] += n
		}
	}
	t.Log(histories, "histories:", seen)
	if testing.Short() {
		return // too few to have seen everything
	}
	for _, what := range []string{"undo", "ruled", "expired", "ended", "relayed", "copy left out", "beneath", "bounded beneath",
		"review upheld", "review overturned", "review changed", "appeal upheld", "appeal overturned", "appeal changed", "left",
		"decided after", "not delivered", "delivered", "overtaken", "meanwhile",
		cases.CapPartner, cases.CapRule, cases.CapCategory, cases.CapDay, cases.Quarantine, cases.TrippedPartner, cases.Ruled} {
		require.Positive(t, seen[what], what)
	}
}

// The same on databases.
func TestHistoriesInDatabases(t *testing.T) {
	for name, address := range map[string]func(testing.TB) string{
		"sqlite":   func(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "store.db") },
		"postgres": abusetest.Postgres,
	} {
		t.Run(name, func(t *testing.T) {
			r := random(t)
			for range 5 {
				store, err := sqlstore.Open(t.Context(), address(t))
				require.NoError(t, err)
				newHistory(t, r, false, func(c *cases.Config) { c.Store = store }).run(40)
				require.NoError(t, store.Close())
			}
		})
	}
}
