package report_test

import (
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/abuse/cases"
	"github.com/hueandcry/hueandcry/abuse/report"
	"github.com/hueandcry/hueandcry/hashing"
)

// service decides, hears appeals and exports, as a service does.
type service struct {
	*cases.Hearings
	t      *testing.T
	store  abuse.Store
	settle func(abuse.Writer, abuse.Evidence, time.Time, bool) (abuse.Decision, error)
	now    time.Time
}

func newService(t *testing.T) *service {
	s := &service{t: t, store: abuse.NewMemory(), now: now}
	clock := func() time.Time { return s.now }
	rules := abuse.DefaultPolicy("network.example", abuse.Live)
	desk, err := cases.New(cases.Config{Store: s.store, Clock: clock,
		Decide: func(e abuse.Evidence, at time.Time) abuse.Decision { return abuse.Decide(e, rules, at) }})
	require.NoError(t, err)
	s.Hearings, err = cases.NewHearings(cases.HearingsConfig{Desk: desk, Self: "network.example", Key: make([]byte, 32), Clock: clock})
	require.NoError(t, err)
	s.settle = s.Around(desk.Settle)
	return s
}

func (s *service) decide(signals ...abuse.Signal) (d abuse.Decision) {
	s.t.Helper()
	e := abuse.Evidence{Account: secret, Holdings: []abuse.Holding{{Kind: hashing.Phone, Since: now.AddDate(-2, 0, 0), Verified: abuse.Yes, Accounts: 1}}}
	for _, g := range signals {
		from := g.Origin
		if len(g.Path) > 0 {
			from = g.Path[len(g.Path)-1]
		}
		e.Sightings = append(e.Sightings, abuse.Sighting{From: from, Signal: g, Kinds: []hashing.Kind{hashing.Phone}, Places: []int{0}})
	}
	s.now = s.now.Add(time.Minute)
	require.NoError(s.t, s.store.Update(s.t.Context(), func(w abuse.Writer) (err error) {
		if d, err = s.settle(w, e, s.now, true); err != nil {
			return err
		}
		return cases.Record(w, d)
	}))
	return d
}

func (s *service) answer(id uuid.UUID, r cases.Resolution) {
	s.t.Helper()
	s.now = s.now.Add(time.Minute)
	c, err := s.Claim(s.t.Context(), id, "Agatha")
	require.NoError(s.t, err)
	r.Version, r.Reviewer = c.Version, "Agatha"
	_, err = s.Resolve(s.t.Context(), id, r)
	require.NoError(s.t, err)
}

func (s *service) appeal(d abuse.Decision, r cases.Resolution) {
	s.t.Helper()
	c, err := s.Open(s.t.Context(), secret, d.ID)
	require.NoError(s.t, err)
	s.answer(c.ID, r)
}

func (s *service) export() (e *report.Export) {
	s.t.Helper()
	require.NoError(s.t, s.store.View(s.t.Context(), func(r abuse.Reader) (err error) {
		e, err = report.ReadExport(r, report.Subject{Account: secret, At: s.now})
		return err
	}))
	return e
}

// counting gives which signals count, by the last digit of their names and who has sent them.
func counting(e *report.Export) (all []string) {
	for _, g := range e.Signals {
		if g.Counts {
			all = append(all, g.Signal.String()[35:]+" "+g.From)
		}
	}
	return all
}

// After an appeal that was won no signal that lay before the person counts, in the person's decision and in
// those after it, while a new one does; after one that was lost they count as before.
func TestExportAfterAppeal(t *testing.T) {
	overturned := cases.Resolution{Outcome: cases.Overturned, Ground: cases.WrongSignal}
	for name, c := range map[string]struct {
		answer cases.Resolution
		counts []string
	}{
		"overturned":   {overturned, nil},
		"milder":       {cases.Resolution{Outcome: cases.Changed, Step: abuse.Limit, Until: now.AddDate(0, 0, 2)}, nil},
		"harsher":      {cases.Resolution{Outcome: cases.Changed, Step: abuse.Disable, ForEver: true}, nil},
		"upheld":       {cases.Resolution{Outcome: cases.Upheld}, []string{"1 messenger.example"}},
		"other person": {cases.Resolution{Outcome: cases.Overturned, Ground: cases.WrongPerson}, nil},
	} {
		t.Run(name, func(t *testing.T) {
			s := newService(t)
			first := s.decide(signal(1))
			require.Equal(t, []string{"1 messenger.example"}, counting(s.export()))
			s.appeal(first, c.answer)
			e := s.export()
			require.Len(t, e.Signals, 1)
			require.Equal(t, c.counts, counting(e), e.Text())
			require.Equal(t, c.counts == nil, strings.Contains(e.Text(), "it does not count any more"), e.Text())

			// The old evidence is decided on again, and then with a signal that nobody has looked at.
			s.decide(signal(1))
			require.Equal(t, c.counts, counting(s.export()))
			fresh := signal(2)
			fresh.Origin = "bank.example"
			s.decide(signal(1), fresh)
			require.Equal(t, append(c.counts, "2 bank.example"), counting(s.export()))
			s.decide(fresh)
			require.Equal(t, []string{"2 bank.example"}, counting(s.export()), "withdrawn")
		})
	}
}

// Each copy of a signal is listed with the partner who sent it, and counts or does not by itself.
func TestExportTwoSenders(t *testing.T) {
	s := newService(t)
	relayed := signal(1)
	relayed.Path = []string{"market.example"}
	first := s.decide(signal(1), relayed)
	e := s.export()
	require.ElementsMatch(t, []string{"1 messenger.example", "1 market.example"}, counting(e))
	for _, always := range []string{"From messenger.example", "From market.example, found by messenger.example", "the same as number 1"} {
		require.Contains(t, e.Text(), always)
	}
	s.decide(relayed)
	require.Equal(t, []string{"1 market.example"}, counting(s.export()), "the origin has withdrawn it, and the copy is still there")
	s.appeal(first, cases.Resolution{Outcome: cases.Overturned, Ground: cases.WrongSignal})
	require.Empty(t, counting(s.export()))
	require.Len(t, s.export().Signals, 2)
}

// What has expired when the export is made does not count, and nobody has to have decided since.
func TestExportExpired(t *testing.T) {
	d, who := decide(signal(1)), subject()
	for _, c := range []struct {
		at     time.Time
		counts bool
	}{{time.Time{}, true}, {now, true}, {signal(1).ValidUntil.Add(-1), true}, {signal(1).ValidUntil, false}} {
		who.At = c.at
		e, err := report.NewExport(who, []json.RawMessage{raw(t, d)})
		require.NoError(t, err)
		require.Equal(t, c.counts, e.Signals[0].Counts)
	}
}

// A statement names all partners who have sent the signal, within its bounds.
func TestStatementTwoSenders(t *testing.T) {
	d := decide(signal(1))
	copied := d.Explanation.Signals[0]
	copied.From, copied.Signal.Path = "market.example", []string{"market.example"}
	d.Explanation.Signals = append(d.Explanation.Signals, copied)
	set := settings()
	set.Flaggers = []string{"messenger.example"}
	st, err := report.NewStatement(d, set)
	require.NoError(t, err)
	require.NoError(t, st.Validate())
	require.Equal(t, "market.example, messenger.example", st.SourceIdentity)
	require.Equal(t, "SOURCE_TYPE_OTHER_NOTIFICATION", st.SourceType, "one of the two is no trusted flagger")
	require.Contains(t, st.Facts, "The service messenger.example gave notice")
	require.Contains(t, st.Facts, "The service market.example gave notice")
}

// What a person has set aside is a finding: neither a copy of it nor what its origin makes of it counts
// afterwards, while what another makes of it does.
func TestExportOfFindings(t *testing.T) {
	s := newService(t)
	s.appeal(s.decide(signal(1)), cases.Resolution{Outcome: cases.Overturned, Ground: cases.WrongSignal})
	relayed, made, others := signal(1), signal(2), signal(3)
	relayed.Path = []string{"market.example"}
	made.Cause, others.Cause, others.Origin = signal(1).ID, signal(1).ID, "bank.example"
	require.Equal(t, abuse.None, s.decide(signal(1), relayed, made).Action)
	require.Empty(t, counting(s.export()))
	require.NotEqual(t, abuse.None, s.decide(signal(1), relayed, made, others).Action)
	require.Equal(t, []string{"3 bank.example"}, counting(s.export()))
}
