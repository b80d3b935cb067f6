package watch

import (
	"context"
	"fmt"
	"maps"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// liar is a transmitter that seals and signs whatever it likes, in the feed that the town follows.
type liar struct {
	*town
	f *openFeed
	c *course
}

func newLiar(t testing.TB, limits func(*linkage.Limits), edit ...func(*town)) *liar {
	w := newTown(t, linkage.ProtocolEC, append(edit, func(w *town) {
		limits(&w.agreement.Limits)
		require.NoError(t, w.agreement.Sign(linkage.Transmitter, w.transmitter))
		require.NoError(t, w.agreement.Sign(linkage.Receiver, w.parties.receiver))
	})...)
	w.people.put("a", phoneOf(t, 1), phoneOf(t, 2))
	require.NoError(t, w.base(0))
	w.settle()
	l := &liar{town: w, c: w.course()}
	for _, f := range w.tr.feeds {
		if f.id == l.c.feed {
			l.f = f
		}
	}
	return l
}

// restart is of the receiver.
func (l *liar) restart() {
	l.startReceiver()
	l.c = l.course()
}

// record says something of a signal, as the nth about identifiers.
func (l *liar) record(op linkage.Operation, n int, sequence uint64, nth uint16, ids ...hashing.Identifier) linkage.Sealed {
	l.t.Helper()
	var label []byte
	var all []linkage.About
	if op != linkage.Retract {
		label = testLabel(l.t, testSignal(n, sequence))
	}
	for _, id := range ids {
		about, err := l.f.sealer.Values(l.f.keeper, id)
		require.NoError(l.t, err)
		about.Nth = nth
		all = append(all, about)
	}
	r, err := l.f.sealer.Record(l.f.keeper, op, testSignal(n, 1).ID, sequence, label, all)
	require.NoError(l.t, err)
	return r
}

// batch makes the one that is due, of a time.
func (l *liar) batch(at time.Time, padding int, records ...linkage.Sealed) fetched {
	l.t.Helper()
	cur := l.cursor()
	data, _, err := l.f.sealer.Batch(linkage.BatchHeader{Number: cur.at.batch + 1, Previous: cur.digest, Time: at, Complete: true}, records, padding)
	require.NoError(l.t, err)
	b, err := linkage.ParseBatch(l.agreement, data)
	require.NoError(l.t, err)
	return fetched{batch: b, size: len(data)}
}

// say lets the receiver take in a batch of now.
func (l *liar) say(records ...linkage.Sealed) {
	l.t.Helper()
	require.NoError(l.t, l.rec.accept(l.t.Context(), l.c, l.batch(l.now(), 0, records...)))
	_, err := l.decider.Step(l.t.Context())
	require.NoError(l.t, err)
}

// of gives what is known of an account.
func (l *liar) of(account string) (all []string) {
	for _, k := range l.known() {
		if rest, ok := strings.CutPrefix(k, account+" "); ok {
			all = append(all, rest)
		}
	}
	return all
}

// is says which signals an account has, with their revisions.
func (l *liar) is(account string, want map[int]uint64) {
	l.t.Helper()
	have := map[int]uint64{}
	for _, k := range l.of(account) {
		var id string
		var sequence uint64
		_, err := fmt.Sscan(k, &id, &sequence)
		require.NoError(l.t, err)
		for n := range 1000 {
			if testSignal(n, 1).ID.String() == id {
				have[n] = sequence
			}
		}
	}
	require.Equal(l.t, want, have)
}

// first gives the signal whose record is the first of a batch with all of them.
func (l *liar) first(signals ...int) int {
	l.t.Helper()
	at := map[[16]byte]int{}
	for _, n := range signals {
		at[l.batch(l.now(), 0, l.record(linkage.Add, n, 1, 0, phoneOf(l.t, 1))).batch.Record(0).Alias()] = n
	}
	return at[slices.MinFunc(slices.Collect(maps.Keys(at)), func(a, b [16]byte) int { return slices.Compare(a[:], b[:]) })]
}

func (l *liar) signUp(account string, ids ...hashing.Identifier) {
	l.t.Helper()
	l.people.put(account, ids...)
	_, err := l.rec.Check(l.t.Context(), account, ids)
	require.NoError(l.t, err)
}

// A tag is good for one signal: what else comes under it is not heard, in the same batch, in a later
// one, by who signs up later, and after restarts. Revisions of the one signal are.
func TestOneSignalATag(t *testing.T) {
	for _, most := range []int64{1, 4, 256} {
		t.Run(fmt.Sprint(most), func(t *testing.T) {
			w := newLiar(t, func(l *linkage.Limits) { l.SignalsPerIdentifier = most }, func(w *town) { w.stretch = 3 })
			id := phoneOf(t, 1)
			var many []int
			var records []linkage.Sealed
			for n := range 20 {
				many, records = append(many, n), append(records, w.record(linkage.Add, n, 1, 0, id))
			}
			winner := w.first(many...)
			w.say(records...)
			want := map[int]uint64{winner: 1}
			w.is("a", want)
			w.say(w.record(linkage.Add, 20, 1, 0, id))
			w.restart()
			w.say(w.record(linkage.Revise, 21, 9, 0, id))
			w.is("a", want)
			w.signUp("b", id)
			w.is("b", want)

			w.say(w.record(linkage.Revise, winner, 2, 0, id))
			want[winner] = 2
			for nth := 1; nth < int(min(most, 5)); nth++ { // as it should be, to the last that there may be
				w.say(w.record(linkage.Add, 30+nth, 1, uint16(nth), id))
				want[30+nth] = 1
				w.say(w.record(linkage.Add, 40+nth, 1, uint16(nth), id))
			}
			w.restart()
			w.say(w.record(linkage.Add, 50, 1, uint16(min(most, 5)-1), id))
			w.signUp("c", id)
			w.say(w.record(linkage.Add, 51, 1, uint16(min(most, 5)-1), id))
			for _, account := range []string{"a", "b", "c"} {
				w.is(account, want)
			}
			w.say(w.record(linkage.Retract, winner, 3, 0))
			delete(want, winner)
			for _, account := range []string{"a", "b", "c"} {
				w.is(account, want)
			}
			w.say(w.record(linkage.Add, 52, 1, 0, id)) // its tag is not free again
			w.signUp("d", id)
			for _, account := range []string{"a", "b", "c", "d"} {
				w.is(account, want)
			}
		})
	}
}

// A signal about one identifier of an account cannot be said under a tag of another signal about another.
func TestOneSignalATagOfTwo(t *testing.T) {
	w := newLiar(t, func(l *linkage.Limits) { l.SignalsPerIdentifier = 4 })
	w.say(w.record(linkage.Add, 1, 1, 0, phoneOf(t, 1)))
	w.say(w.record(linkage.Add, 2, 1, 0, phoneOf(t, 2)))
	w.say(w.record(linkage.Revise, 2, 2, 0, phoneOf(t, 1)))
	want := []string{testSignal(1, 1).ID.String() + " 1 [0]", testSignal(2, 1).ID.String() + " 1 [1]"}
	require.Equal(t, want, w.of("a"))
	w.signUp("b", phoneOf(t, 1), phoneOf(t, 2))
	require.Equal(t, want, w.of("b"))
}

// Whatever a partner says under whichever tag, who was enrolled before and who signs up later have the
// same, and no more than the agreement allows.
func TestOneSignalATagAtRandom(t *testing.T) {
	for range 8 {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		r := rand.New(rand.NewPCG(seed, 1))
		w := newLiar(t, func(l *linkage.Limits) { l.SignalsPerIdentifier = 4 }, func(w *town) { w.stretch = 1 + r.IntN(9) })
		id := phoneOf(t, 1)
		bound := map[int]int{} // the tags of signals, and
		taken := map[int]int{} // the signals of tags
		for range 12 {
			var all []linkage.Sealed
			in := map[int]int{} // the batch
			top := min(3, len(taken))
			for n := range 30 {
				if r.IntN(3) > 0 {
					continue
				}
				nth, ok := bound[n]
				if !ok {
					nth = r.IntN(top + 1)
				}
				op := linkage.Add + linkage.Operation(r.IntN(2))
				all, in[n] = append(all, w.record(op, n, 1+r.Uint64N(6), uint16(nth), id)), nth
			}
			for nth := range top + 1 {
				var signals []int
				for n, at := range in {
					if at == nth {
						signals = append(signals, n)
					}
				}
				if _, ok := taken[nth]; !ok && len(signals) > 0 {
					taken[nth] = w.first(signals...)
					bound[taken[nth]] = nth
				}
			}
			w.say(all...)
			if r.IntN(4) == 0 {
				w.restart()
			}
		}
		require.Len(t, taken, 4)
		for _, k := range []string{"b", "c"} { // with the shelf as it was filled, and as it is read again
			w.signUp(k, id)
			require.Equal(t, w.of("a"), w.of(k))
			w.restart()
		}
		have := w.of("a")
		require.Len(t, have, 4)
		for n := range bound {
			require.True(t, slices.ContainsFunc(have, func(s string) bool { return strings.HasPrefix(s, testSignal(n, 1).ID.String()) }))
		}
	}
}

// alarms counts those of the receiver from now on.
func (w *town) alarms() map[AlarmKind]int {
	all := map[AlarmKind]int{}
	w.rec.tel.alarms = func(a Alarm) { all[a.Kind]++ }
	return all
}

// Whatever dates a partner gives its batches, at one moment it can say what the agreement allows for a
// day, or for two where one ends within the six hours.
func TestBatchesAhead(t *testing.T) {
	w := newLiar(t, func(l *linkage.Limits) { l.SignalsPerDay = 16 })
	alarms := w.alarms()
	before := w.cursor().at.batch
	take := func(ahead time.Duration) error {
		return w.rec.accept(t.Context(), w.c, w.batch(w.now().Add(ahead), 16))
	}
	refused := 0
	for range 100 {
		if err := take(w.cursor().time.Add(24 * time.Hour).Sub(w.now())); err != nil {
			require.ErrorIs(t, err, ErrBatchAhead)
			refused++
		}
	}
	require.LessOrEqual(t, w.cursor().at.batch, before+1)
	require.GreaterOrEqual(t, refused, 99)
	require.Equal(t, refused, alarms[AlarmBatchAhead])
	w.at.Add(24 * 3600)
	require.ErrorIs(t, take(maxAhead+time.Second), ErrBatchAhead)
	was := w.cursor()
	require.NoError(t, take(maxAhead))
	require.Equal(t, was.at.batch+1, w.cursor().at.batch)
}

// Where the clocks of two services are far apart nothing is lost: what is dated ahead is taken in when
// its time has come nearer.
func TestClocksApart(t *testing.T) {
	w := newTown(t, linkage.ProtocolEC)
	w.people.put("a", phoneOf(t, 1))
	require.NoError(t, w.base(0))
	w.settle()
	slow := int64(0)
	w.rec.cfg.Clock = func() time.Time { return w.now().Add(-time.Duration(slow) * time.Second) }
	w.report(1, 1, phoneOf(t, 1))
	slow = int64(maxAhead / time.Second)
	w.settle()
	w.check()
	require.Len(t, w.known(), 1)
	alarms := w.alarms()
	slow += 3600
	for n := range 3 {
		w.report(2+n, 1, phoneOf(t, 1))
		require.NoError(t, w.tr.Cut(t.Context()))
		require.ErrorIs(t, w.rec.Follow(t.Context()), ErrBatchAhead)
		require.Equal(t, n+1, alarms[AlarmBatchAhead])
		w.at.Add(60)
	}
	require.Len(t, w.known(), 1)
	slow = 0
	w.settle()
	w.check()
	require.Len(t, w.known(), 4)
}

// More retractions than there was something to take back are refused, whole batches of them, however the
// process is restarted; padding counts as what was said, for nobody can tell.
func TestRetractionsOfNothing(t *testing.T) {
	w := newLiar(t, func(l *linkage.Limits) { l.SignalsPerIdentifier = 4 }, func(w *town) { w.stretch = 4 })
	shelved := w.c.shelf.totals()
	require.Equal(t, w.cursor().at, shelved.at)
	adds := shelved.adds
	alarms := w.alarms()
	var all []linkage.Sealed
	for n := range adds + 1 {
		all = append(all, w.record(linkage.Retract, int(n), 1, 0))
	}
	refused := func(f fetched) {
		t.Helper()
		was := w.cursor()
		err := w.rec.accept(t.Context(), w.c, f)
		var limit *RemoteLimitError
		require.ErrorAs(t, err, &limit)
		require.ErrorIs(t, err, linkage.ErrLimit)
		require.Equal(t, f.batch.Len(), limit.Records)
		require.Equal(t, was, w.cursor())
	}
	refused(w.batch(w.now(), 0, all...))
	refused(w.batch(w.now(), 50, all...)) // its own padding does not count
	require.Equal(t, 2, alarms[AlarmPartnerOverCap])
	w.restart()
	refused(w.batch(w.now(), 0, all...))
	w.say(all[1:]...)
	require.Len(t, w.c.shelf.retracted, int(adds))
	refused(w.batch(w.now(), 0, all[0]))
	w.restart()
	refused(w.batch(w.now(), 0, all[0]))
	require.NoError(t, w.rec.accept(t.Context(), w.c, w.batch(w.now(), 1)))
	w.say(all[0])
	refused(w.batch(w.now(), 0, all[1]))

	// In the middle of a batch what was taken in of it does not count either.
	require.NoError(t, w.rec.accept(t.Context(), w.c, w.batch(w.now(), 5)))
	for _, over := range []int{0, 1} {
		f := w.batch(w.now(), 3, all[:5+over]...)
		store := w.mine
		w.rec.cfg.Store = &failing{Store: store, after: 1}
		if over > 0 {
			refused(f)
			continue
		}
		require.ErrorIs(t, w.rec.accept(t.Context(), w.c, f), errFlaky)
		require.EqualValues(t, 4, w.cursor().at.record)
		w.rec.cfg.Store = store
		if rand.IntN(2) == 0 {
			w.restart()
		}
		require.NoError(t, w.rec.accept(t.Context(), w.c, f))
	}
}

// failing is a store that fails when the cursor has moved some times.
type failing struct {
	abuse.Store
	after int
}

func (s *failing) Update(ctx context.Context, do func(abuse.Writer) error) error {
	return s.Store.Update(ctx, func(w abuse.Writer) error {
		c := &counting{Writer: w, table: abuse.Cursors}
		if err := do(c); err != nil || c.puts == 0 {
			return err
		}
		if s.after--; s.after < 0 {
			return errFlaky
		}
		return nil
	})
}

// Of an account a name is that of one signal, and one that is there already is heard of no further.
func TestNameAll(t *testing.T) {
	store := abuse.NewMemory()
	alias := func(n byte) name { return name{1, [16]byte{n}} }
	one, two := testSignal(1, 1).ID, testSignal(2, 1).ID
	for _, c := range []struct {
		all  []naming
		want []bool
	}{
		{nil, []bool{}},
		{[]naming{{alias(1), "a", one, false}}, []bool{false}},
		{[]naming{{alias(1), "a", one, true}, {alias(1), "a", two, true}, {alias(1), "b", two, true}, {alias(2), "a", one, true}}, []bool{true, false, true, true}},
		{[]naming{{alias(1), "a", one, false}, {alias(1), "a", one, true}, {alias(1), "a", two, true}, {alias(1), "b", one, false}}, []bool{true, true, false, false}},
	} {
		require.NoError(t, store.Update(t.Context(), func(w abuse.Writer) error {
			have, err := nameAll(w, c.all)
			require.Equal(t, c.want, have)
			return err
		}))
	}
}

// However many signals a partner has about an account, it is decided on, and what others say counts.
func TestDecisionOfMany(t *testing.T) {
	store := abuse.NewMemory()
	var last abuse.Evidence
	d := testDecider(t, store, &clock{testNow}, &handedOn{}, func(c *DeciderConfig) {
		c.Decide = func(e abuse.Evidence, now time.Time) abuse.Decision {
			last = e
			return abuse.Decide(e, abuse.DefaultPolicy("network.example", abuse.Live), now)
		}
	})
	const n = maxSightings + 50
	for i := range n {
		s := testSignal(i, 1)
		s.ValidUntil = testNow.Add(time.Duration(i+1) * time.Hour)
		hear(t, store, "one", s, 0)
	}
	require.NoError(t, store.Update(t.Context(), func(w abuse.Writer) error {
		l := newLedger(w)
		for i := range 2 {
			s := testSignal(n+i, 1)
			s.Origin = "other.example"
			s.ValidUntil = testNow.Add(time.Minute)
			m, err := l.match("one", testLink, s.ID)
			require.NoError(t, err)
			m.hear("other.example", word{signal: s.ID, sequence: 1, label: testLabel(t, s)}, ground{generation: 1, kind: hashing.Phone})
		}
		return l.write()
	}))
	handed, err := d.Step(t.Context())
	require.NoError(t, err)
	require.Equal(t, n+2, handed)
	by := map[string]int{}
	for _, s := range last.Sightings {
		by[s.From]++
		require.True(t, s.From == "other.example" || s.Signal.ValidUntil.After(testNow.Add((n-maxSightings)*time.Hour)))
	}
	require.Equal(t, map[string]int{"messenger.example": maxSightings, "other.example": 2}, by)
	require.Equal(t, n-maxSightings, last.Unreadable)
}
