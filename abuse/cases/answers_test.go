package cases_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/cases"
)

// modelled is what the plain model knows of one account.
type modelled struct {
	live map[uuid.UUID]abuse.Signal // that partners say now
	seen map[uuid.UUID]bool         // that a person has ruled on
	// The ruling, if there is one.
	ruled abuse.Action
	until time.Time
}

func (m *modelled) signals(unseen bool) (all []abuse.Signal) {
	for id, s := range m.live {
		if !unseen || !m.seen[id] {
			all = append(all, s)
		}
	}
	slices.SortFunc(all, func(a, b abuse.Signal) int { return slices.Compare(a.ID[:], b.ID[:]) })
	return all
}

// want is what an account is to be under: what live signals that nobody has ruled on ask for, or what
// a person has ruled.
func (m *modelled) want(account string, policy abuse.Policy, now time.Time) abuse.Action {
	a := abuse.Decide(brought(account, m.signals(true)...), policy, now).Action
	if m.ruled != 0 && (m.until.IsZero() || now.Before(m.until)) {
		a = max(a, m.ruled)
	}
	return a
}

// Random histories of signals, revisions, withdrawals, reviews and appeals, some of which are answered
// when more has come in since they were claimed, against a model that has
// a few lines: after each step that decides, an account is under what the model says, and at the end
// no step stands whose signals are gone.
func TestAnswersInChains(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	histories := 30
	if os.Getenv("HUEANDCRY_FULL") != "" {
		histories = 1000
	}
	answered := map[string]int{}
	for n := range histories {
		r := rand.New(rand.NewPCG(seed, uint64(n)))
		b := newCourtWithin(t, self, cases.Limits{PartnerDay: -1, RuleDay: -1, CategoryDay: -1, Day: -1, BaseShare: -1, SignalAccounts: -1, TripLeast: -1},
			func(c *cases.HearingsConfig) { c.ReviewFrom = abuse.Limit })
		answerChain(t, r, b, answered, fmt.Sprintf("seed %d, history %d", seed, n))
	}
	for _, kind := range []string{"more", "moved", "review upheld", "review overturned", "review changed", "appeal upheld", "appeal overturned", "appeal changed", "left"} {
		require.Greater(t, answered[kind], histories/100, "%s: the histories are about something else", kind)
	}
}

func answerChain(t *testing.T, r *rand.Rand, b *court, answered map[string]int, name string) {
	policy := abuse.DefaultPolicy(self, abuse.Live)
	accounts := map[string]*modelled{"a": {}, "b": {}}
	for _, m := range accounts {
		m.live, m.seen = map[uuid.UUID]abuse.Signal{}, map[uuid.UUID]bool{}
	}
	settle := func(account string) {
		m := accounts[account]
		now := b.clock.now()
		b.decide(t, brought(account, m.signals(false)...))
		require.Equal(t, m.want(account, policy, now), b.action(t, account), "%s: %s at %s, ruled %s until %s", name, account, now, m.ruled, m.until)
	}
	made := 0
	for range 40 {
		b.clock.add(time.Duration(r.IntN(36)) * time.Hour)
		account := []string{"a", "b"}[r.IntN(2)]
		m := accounts[account]
		switch r.IntN(6) {
		case 0, 1: // a signal, or a revision of one
			made++
			s := alleged(made, []string{"messenger", "bank", "market"}[r.IntN(3)])
			if old := m.signals(false); len(old) > 0 && r.IntN(3) == 0 {
				s = old[r.IntN(len(old))]
				s.Revision++
			}
			s.Confidence = 60 + r.IntN(40)
			s.ValidUntil = b.clock.now().Add(time.Duration(1+r.IntN(60)) * 24 * time.Hour)
			m.live[s.ID] = s
			settle(account)
		case 2: // withdrawn
			if all := m.signals(false); len(all) > 0 {
				delete(m.live, all[r.IntN(len(all))].ID)
			}
			settle(account)
		case 3: // time goes by
			settle(account)
		case 4: // an appeal against any decision
			all := b.decisions(t, account)
			if len(all) == 0 {
				continue
			}
			_, err := b.Open(ctx, account, all[r.IntN(len(all))].ID)
			var none *abuse.Error
			require.True(t, err == nil || errors.As(err, &none), "%s: %v", name, err)
		case 5:
			queue, err := b.Queue(ctx, 100)
			require.NoError(t, err)
			if len(queue) == 0 {
				continue
			}
			c, err := b.Claim(ctx, queue[r.IntN(len(queue))].ID, "Agatha")
			require.NoError(t, err)
			if r.IntN(2) == 0 { // something comes in between the claim and the answer
				made++
				s := alleged(made, []string{"messenger", "bank", "market"}[r.IntN(3)])
				s.Confidence = 60 + r.IntN(40)
				accounts[c.Decision.Account].live[s.ID] = s
				settle(c.Decision.Account)
				answered["more"]++
			}
			kind, left := strings.CutSuffix(respond(t, r, b, accounts[c.Decision.Account], c, name), ", left")
			if answered[kind]++; left {
				answered["left"]++
			}
			settle(c.Decision.Account)
		}
	}
	for account, m := range accounts {
		clear(m.live)
		settle(account)
		if m.ruled <= abuse.None {
			require.Equal(t, abuse.None, b.action(t, account), "%s: a step without a signal", name)
		}
	}
}

// respond answers a claimed case at random and tells the model.
func respond(t *testing.T, r *rand.Rand, b *court, m *modelled, c cases.Case, name string) string {
	answer := cases.Resolution{Version: c.Version, Reviewer: "Agatha", Outcome: cases.Outcome(1 + r.IntN(3))}
	ruled, until := abuse.Action(0), time.Time{}
	switch answer.Outcome {
	case cases.Overturned:
		answer.Ground, ruled = cases.Ground(1+r.IntN(3)), abuse.None
	case cases.Changed:
		answer.Step, answer.Until = abuse.Label+abuse.Action(r.IntN(4)), b.clock.now().Add(time.Duration(1+r.IntN(10))*24*time.Hour).Truncate(time.Second)
		ruled, until = answer.Step, answer.Until
	}
	before, action := b.standing(t, c.Decision.Account), b.action(t, c.Decision.Account)
	d, err := b.Resolve(ctx, c.ID, answer)
	if errors.Is(err, cases.ErrMoved) {
		require.NotEqual(t, cases.Overturned, answer.Outcome, name)
		return "moved"
	}
	require.NoError(t, err, name)
	if ruled != 0 && d.ID == uuid.Nil { // the step in force has nothing to do with the case, and stays
		require.Greater(t, action, abuse.None, name)
		require.LessOrEqual(t, ruled, action, name)
		require.Equal(t, before.Decision, b.standing(t, c.Decision.Account).Decision, name)
		for _, carrier := range before.Carriers {
			require.NotContains(t, c.Decision.Signals, carrier.Signal, name)
		}
		for _, id := range c.Decision.Signals {
			m.seen[id] = true
		}
		if before.Reviewer == "" && !b.ruled(t, c.Decision.Account) {
			m.ruled, m.until = abuse.None, time.Time{}
		}
		return c.Kind.String() + " " + answer.Outcome.String() + ", left"
	}
	if ruled != 0 {
		require.False(t, d.Automated, name)
		require.Equal(t, ruled, d.Action, name)
		m.ruled, m.until = ruled, until
		for _, of := range []abuse.Decision{c.Decision, c.Current} {
			for _, s := range of.Explanation.Signals {
				m.seen[s.Signal.ID] = true
			}
		}
		require.Equal(t, m.want(c.Decision.Account, abuse.DefaultPolicy(self, abuse.Live), b.clock.now()), b.action(t, c.Decision.Account),
			"%s: what has come in meanwhile counts, and what was seen does not", name)
	}
	return c.Kind.String() + " " + answer.Outcome.String()
}
