package abuse_test

import (
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/assert"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

func matched(t testing.TB, s abuse.Signal, kinds ...hashing.Kind) linkage.MatchedSignal {
	label, err := s.MarshalBinary()
	require.NoError(t, err)
	m := linkage.MatchedSignal{ID: s.ID, Sequence: s.Revision, Kinds: kinds, Label: label}
	for i := range kinds {
		m.Places = append(m.Places, i)
	}
	return m
}

func TestNewEvidence(t *testing.T) {
	s := strong(1, "messenger")
	match := linkage.Match{Account: "a-17", Signals: []linkage.MatchedSignal{matched(t, s, hashing.Phone, hashing.IMEI)}}
	e, err := abuse.NewEvidence("messenger", match, good(hashing.Phone))
	require.NoError(t, err)
	assert.Equal(t, abuse.Evidence{Account: "a-17",
		Sightings: []abuse.Sighting{{From: "messenger", Signal: s, Kinds: []hashing.Kind{hashing.Phone, hashing.IMEI}, Places: []int{0, 1}}},
		Holdings:  []abuse.Holding{good(hashing.Phone)}}, e)

	other := strong(2, "mail")
	other.Path = []string{"bank"}
	require.NoError(t, e.Add("bank", linkage.Match{Account: "a-17", Signals: []linkage.MatchedSignal{matched(t, other, hashing.Phone)}}))
	assert.Len(t, e.Sightings, 2)
	assert.Equal(t, abuse.Disable, abuse.Decide(e, policy(t), now).Action)

	var wrong *abuse.Error
	require.ErrorAs(t, e.Add("bank", linkage.Match{Account: "a-18", Signals: match.Signals}), &wrong)
	assert.Len(t, e.Sightings, 2)
}

// Whatever is not bound to the record and to the partner that sent it is
// reported, counted, and carries nothing.
func TestUnreadable(t *testing.T) {
	s := strong(1, "messenger")
	for name, change := range map[string]func(m *linkage.MatchedSignal){
		"no label":       func(m *linkage.MatchedSignal) { m.Label = nil },
		"a label cut":    func(m *linkage.MatchedSignal) { m.Label = m.Label[:20] },
		"another record": func(m *linkage.MatchedSignal) { m.ID = id(2) },
		"an older label": func(m *linkage.MatchedSignal) { m.Sequence++ },
		"no kind":        func(m *linkage.MatchedSignal) { m.Kinds = nil },
		"unknown kind":   func(m *linkage.MatchedSignal) { m.Kinds = []hashing.Kind{0, 99} },
		"another's name": func(m *linkage.MatchedSignal) { *m = matched(t, strong(1, "bank"), hashing.Phone) },
		"another's path": func(m *linkage.MatchedSignal) {
			s := s
			s.Path = []string{"bank"}
			*m = matched(t, s, hashing.Phone)
		},
	} {
		t.Run(name, func(t *testing.T) {
			fine := matched(t, s, hashing.Phone)
			bad := fine
			change(&bad)
			e, err := abuse.NewEvidence("messenger", linkage.Match{Account: "a", Signals: []linkage.MatchedSignal{bad}}, good(hashing.Phone))
			var unreadable *abuse.UnreadableError
			require.ErrorAs(t, err, &unreadable)
			assert.Equal(t, bad.ID, unreadable.Signal)
			var why *abuse.Error
			require.ErrorAs(t, err, &why)
			assert.Equal(t, 1, e.Unreadable)
			assert.Empty(t, e.Sightings)
			d := abuse.Decide(e, policy(t), now)
			assert.Equal(t, abuse.None, d.Action)
			assert.Equal(t, 1, d.Explanation.Unreadable)

			// Beside it, one that can be read still acts.
			e, err = abuse.NewEvidence("messenger", linkage.Match{Account: "a", Signals: []linkage.MatchedSignal{bad, fine}}, good(hashing.Phone))
			require.Error(t, err)
			assert.Equal(t, abuse.Suspend, abuse.Decide(e, policy(t), now).Action)
		})
	}
}

// The places of a match are those of the account's identifiers as linkage was
// given them. Of two phones only the one that matched is asked: the old one does
// not make a recycled one suspicious, and a fresh one hides nothing.
func TestPlacesAreThoseOfTheMatch(t *testing.T) {
	fresh := abuse.Holding{Kind: hashing.Phone, Since: observed.AddDate(0, 0, 1), Verified: abuse.Yes, Accounts: 1}
	unknown := abuse.Holding{Kind: hashing.Phone}
	for _, c := range []struct {
		holdings []abuse.Holding
		place    int
		want     abuse.Action
	}{
		{[]abuse.Holding{good(hashing.Phone), fresh}, 0, abuse.Suspend},
		{[]abuse.Holding{good(hashing.Phone), fresh}, 1, abuse.None},
		{[]abuse.Holding{good(hashing.Phone), unknown}, 0, abuse.Suspend},
		{[]abuse.Holding{good(hashing.Phone), unknown}, 1, abuse.Friction},
		{[]abuse.Holding{good(hashing.Phone), {}}, 0, abuse.Suspend},
		{[]abuse.Holding{good(hashing.Phone), {}}, 1, abuse.Friction},
		{[]abuse.Holding{good(hashing.IMEI), good(hashing.Phone)}, 0, abuse.Friction}, // not in the order of the identifiers
		{[]abuse.Holding{good(hashing.Phone)}, 1, abuse.Friction},
	} {
		m := matched(t, strong(1, "messenger"), hashing.Phone)
		m.Places = []int{c.place}
		e, err := abuse.NewEvidence("messenger", linkage.Match{Account: "a", Signals: []linkage.MatchedSignal{m}}, c.holdings...)
		require.NoError(t, err)
		m.Places[0] = 77 // the match is the caller's
		d := abuse.Decide(e, policy(t), now)
		assert.Equal(t, c.want, d.Action, "%v", c)
		assert.Len(t, d.Explanation.Holdings, len(c.holdings))
	}
}

// What nothing is known of is said to be unknown, and nothing else is.
func TestUnknownIsNamed(t *testing.T) {
	x := sighting(strong(1, "messenger"), hashing.Phone, hashing.IMEI)
	x.Places = []int{0, 1}
	e := abuse.Evidence{Account: "a", Sightings: []abuse.Sighting{x}, Holdings: []abuse.Holding{good(hashing.Phone)}}
	want := []string{"imei accounts", "imei since"}
	assert.Equal(t, want, abuse.Decide(e, policy(t), now).Explanation.Unknown)

	e.Holdings = append(e.Holdings, abuse.Holding{Kind: 99, Since: long, Verified: abuse.Yes, Accounts: 1})
	d := abuse.Decide(e, policy(t), now)
	assert.Equal(t, want, d.Explanation.Unknown)
	assert.Equal(t, []abuse.Holding{good(hashing.Phone), {}}, d.Explanation.Holdings)
	assert.Contains(t, d.Text(), "holding 1: unknown\n")
}

// A sighting that is given twice is one.
func TestDuplicatesAreOne(t *testing.T) {
	x := sighting(strong(1, "messenger"), hashing.Phone, hashing.IMEI)
	once := abuse.Decide(abuse.Evidence{Account: "a", Sightings: []abuse.Sighting{x}}, policy(t), now)
	twice := abuse.Decide(abuse.Evidence{Account: "a", Sightings: []abuse.Sighting{x, x}}, policy(t), now)
	assert.Equal(t, bytesOf(t, once), bytesOf(t, twice))

	x.Kinds = nil
	none := abuse.Decide(abuse.Evidence{Account: "a", Sightings: []abuse.Sighting{x}}, policy(t), now)
	assert.Equal(t, 1, none.Explanation.Unreadable)
	assert.Empty(t, none.Signals)
}

// Evidence written by hand is held to the same.
func TestOddEvidence(t *testing.T) {
	for name, change := range map[string]func(*abuse.Evidence){
		"invalid signal":  func(e *abuse.Evidence) { e.Sightings[0].Signal.Confidence = 1000 },
		"zero signal":     func(e *abuse.Evidence) { e.Sightings[0].Signal = abuse.Signal{} },
		"another partner": func(e *abuse.Evidence) { e.Sightings[0].From = "bank" },
		"no kinds":        func(e *abuse.Evidence) { e.Sightings[0].Kinds = nil },
		"invalid kind":    func(e *abuse.Evidence) { e.Sightings[0].Kinds = []hashing.Kind{200} },
		"negative count":  func(e *abuse.Evidence) { e.Holdings[0].Accounts = -5 },
		"odd truth":       func(e *abuse.Evidence) { e.Holdings[0].Verified = 77 },
		"far future":      func(e *abuse.Evidence) { e.Holdings[0].Since = now.AddDate(90_000, 0, 0) },
		"no such place":   func(e *abuse.Evidence) { e.Sightings[0].Places = []int{1} },
		"odd places":      func(e *abuse.Evidence) { e.Sightings[0].Places = []int{-1, 1 << 40} },
		"before year one": func(e *abuse.Evidence) { e.Holdings[0].Since = time.Date(-5, 1, 1, 0, 0, 0, 0, time.UTC) },
		"no such kind":    func(e *abuse.Evidence) { e.Holdings[0].Kind = 0 },
		"everything zero": func(e *abuse.Evidence) { *e = abuse.Evidence{} },
		"below zero":      func(e *abuse.Evidence) { *e = abuse.Evidence{Unreadable: -3} },
	} {
		t.Run(name, func(t *testing.T) {
			e := abuse.Evidence{Account: "a", Sightings: []abuse.Sighting{sighting(strong(1, "messenger"), hashing.Phone)},
				Holdings: []abuse.Holding{good(hashing.Phone)}}
			require.Equal(t, abuse.Suspend, abuse.Decide(e, policy(t), now).Action)
			change(&e)
			d := abuse.Decide(e, policy(t), now)
			assert.LessOrEqual(t, d.Action, abuse.Friction)
			assert.GreaterOrEqual(t, d.Explanation.Unreadable, 0)
			_, err := d.MarshalJSON()
			assert.NoError(t, err)
			assert.NotEmpty(t, d.Text())
		})
	}
}

func TestErrorsNameWhatIsWrong(t *testing.T) {
	e := &abuse.UnreadableError{Signal: uuid.MustParse("019a0000-0000-7000-8000-000000000001"),
		Err: &abuse.Error{Field: "signal", Problem: "is empty"}}
	assert.EqualError(t, e, "abuse: signal 019a0000-0000-7000-8000-000000000001 cannot be read: abuse: signal is empty")
}
