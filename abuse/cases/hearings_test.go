package cases_test

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/cases"
	"github.com/hueandcry/hueandcry/hashing"
)

const self = "social"

var noon = time.Date(2026, 11, 23, 12, 0, 0, 0, time.UTC)

// hands is a clock that is set by hand.
type hands struct {
	mu sync.Mutex
	at time.Time
}

func (c *hands) now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.at
}

func (c *hands) add(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.at = c.at.Add(d)
}

// hearings are some on a store of their own; change may alter the configuration.
func hearings(t testing.TB, change func(*cases.HearingsConfig)) (*cases.Hearings, *hands) {
	clock := &hands{at: noon}
	cfg := cases.HearingsConfig{Store: abuse.NewMemory(), Self: self, Key: make([]byte, 32), Clock: clock.now}
	if change != nil {
		change(&cfg)
	}
	h, err := cases.NewHearings(cfg)
	require.NoError(t, err)
	return h, clock
}

func signalID(n int) uuid.UUID {
	return uuid.MustParse(fmt.Sprintf("019a0000-0000-7000-8000-%012x", n))
}

// told is a signal that suspends under the default policy.
func told(n int, origin string) abuse.Signal {
	seen := noon.AddDate(0, 0, -3)
	return abuse.Signal{ID: signalID(n), Origin: origin, Category: abuse.Phishing, Class: abuse.Confirmed, Confidence: 85,
		Severity: abuse.High, Review: abuse.ReviewHuman, Reports: 14, FirstObserved: seen, LastObserved: seen,
		ValidUntil: seen.AddDate(0, 0, 90), Permitted: abuse.PermitDirect, ActionTaken: abuse.Suspend, Revision: 1}
}

// evidence are signals about the one phone number of an account.
func evidence(account string, signals ...abuse.Signal) abuse.Evidence {
	e := abuse.Evidence{Account: account, Holdings: []abuse.Holding{{Kind: hashing.Phone, Since: noon.AddDate(-2, 0, 0), Verified: abuse.Yes, Accounts: 1}}}
	for _, s := range signals {
		from := s.Origin
		if len(s.Path) > 0 {
			from = s.Path[len(s.Path)-1]
		}
		e.Sightings = append(e.Sightings, abuse.Sighting{From: from, Signal: s, Kinds: []hashing.Kind{hashing.Phone}, Places: []int{0}})
	}
	return e
}

// decided decides through h and puts the decision where package watch does.
func decided(t testing.TB, store abuse.Store, settle cases.SettleFunc, e abuse.Evidence, now time.Time) (d abuse.Decision) {
	require.NoError(t, store.Update(context.Background(), func(w abuse.Writer) (err error) {
		if d, err = settle(w, e, now, true); err != nil {
			return err
		}
		body, err := json.Marshal(d)
		if err != nil {
			return err
		}
		key := binary.BigEndian.AppendUint16(nil, uint16(len(e.Account)))
		key = binary.BigEndian.AppendUint64(append(key, e.Account...), ^uint64(d.At.UnixNano()))
		return w.Put(abuse.Decisions, append(key, d.ID[:]...), body)
	}))
	return d
}

func plainSettle(_ abuse.Writer, e abuse.Evidence, now time.Time, _ bool) (abuse.Decision, error) {
	return abuse.Decide(e, abuse.DefaultPolicy(self, abuse.Live), now), nil
}
