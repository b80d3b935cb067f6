package linkage_test

import (
	"bytes"
	"cmp"
	"context"
	"crypto"
	"crypto/sha256"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
	"github.com/hueandcry/hueandcry/linkage/linkagetest"
)

// duty is a pair of services of which one has enrolled its base with the other, by a session
// in which nothing was published.
type duty struct {
	*linkagetest.Parties
	base      *linkage.Enrolment
	summary   linkage.Summary
	sealer    *linkage.Sealer
	evaluator *linkage.Evaluator
	blinder   *linkage.Blinder
	epoch     uint32
	own       *linkage.Keeper // the transmitter's
	nth       map[[16]byte]uint16
	about     map[uuid.UUID][]linkage.About
}

func onDuty(t testing.TB, p *linkagetest.Parties, accounts []linkage.Account) *duty {
	t.Helper()
	d := &duty{Parties: p, nth: map[[16]byte]uint16{}, about: map[uuid.UUID][]linkage.About{}}
	ctx := linkagetest.AllowPlain(t.Context())
	tc, state := p.TransmitterConfig(), &file{}
	if p.Agreement.Protocol == linkage.ProtocolVOLE {
		tc.State = state
	}
	d.base, d.summary = enrol(t, ctx, tc, p.ReceiverConfig(), accounts)
	t.Cleanup(d.base.Close)
	d.epoch = d.summary.Epoch
	var base *linkage.State
	var err error
	if tc.State != nil {
		base, err = linkage.OpenState(p.TransmitterConfig(), state)
		require.NoError(t, err)
		require.Equal(t, d.base.Generation(), base.Generation())
	}
	d.sealer, err = linkage.NewSealer(p.TransmitterConfig(), base)
	require.NoError(t, err)
	d.evaluator, err = linkage.NewEvaluator(p.TransmitterConfig())
	require.NoError(t, err)
	d.blinder, err = linkage.NewBlinder(p.ReceiverConfig(), d.epoch, d.evaluator.Opening())
	require.NoError(t, err)
	d.own = linkage.NewKeeper(p.Agreement, d.epoch, hashing.NewKey())
	return d
}

// enrol runs a session in which the transmitter has nothing to say.
func enrol(t testing.TB, ctx context.Context, tc, rc linkage.Config, accounts []linkage.Account) (*linkage.Enrolment, linkage.Summary) {
	t.Helper()
	pub, err := linkage.Publish(ctx, tc, linkage.Slice[linkage.Flagged](nil))
	require.NoError(t, err)
	tConn, rConn := linkagetest.Pipe()
	var wg sync.WaitGroup
	var failed error
	wg.Go(func() { _, failed = linkage.Transmit(ctx, tConn, tc, pub) })
	e, sum, err := linkage.Enrol(ctx, rConn, rc, linkage.Slice(accounts))
	wg.Wait()
	require.NoError(t, failed)
	require.NoError(t, err)
	return e, sum
}

// evaluate enrols identifiers under the live generation.
func (d *duty) evaluate(t testing.TB, k *linkage.Keeper, ids ...hashing.Identifier) []linkage.Kept {
	t.Helper()
	b, err := d.blinder.Blind(t.Context(), ids)
	require.NoError(t, err)
	answer, err := d.evaluator.Evaluate(t.Context(), b.Request())
	require.NoError(t, err)
	kept, err := b.Finish(answer, k)
	require.NoError(t, err)
	return kept
}

// record makes the record of a signal, which is an Add if it is the first.
func (d *duty) record(t testing.TB, s *linkage.Flagged) linkage.Sealed {
	t.Helper()
	op := linkage.Revise
	if d.about[s.ID] == nil {
		op = linkage.Add
		for i, id := range s.Identifiers {
			if slices.Contains(s.Identifiers[:i], id) {
				continue
			}
			a, err := d.sealer.Values(d.own, id)
			require.NoError(t, err)
			a.Nth = d.nth[a.Token]
			d.nth[a.Token]++
			d.about[s.ID] = append(d.about[s.ID], a)
		}
	}
	r, err := d.sealer.Record(d.own, op, s.ID, s.Sequence, s.Label, d.about[s.ID])
	require.NoError(t, err)
	return r
}

func (d *duty) retract(t testing.TB, id uuid.UUID, sequence uint64) linkage.Sealed {
	t.Helper()
	r, err := d.sealer.Record(d.own, linkage.Retract, id, sequence, nil, nil)
	require.NoError(t, err)
	return r
}

// chain is a feed: its batches so far.
type chain struct {
	*duty
	batches [][]byte
	last    linkage.Tip
}

var feedStart = time.Date(2026, 11, 23, 0, 0, 0, 0, time.UTC)

// cut adds a batch and reads it as the receiver does.
func (c *chain) cut(t testing.TB, records ...linkage.Sealed) *linkage.Batch {
	t.Helper()
	h := linkage.BatchHeader{Number: c.last.Number + 1, Previous: c.last.Digest,
		Time: feedStart.Add(time.Duration(c.last.Number) * time.Minute), Complete: c.last.Number > 0}
	data, digest, err := c.sealer.Batch(h, records, linkage.PaddedCount(len(records))-len(records))
	require.NoError(t, err)
	b, err := linkage.ParseBatch(c.Agreement, data)
	require.NoError(t, err)
	require.NoError(t, b.Follows(c.sealer.Feed(), c.last))
	require.Equal(t, digest, b.Digest())
	require.Equal(t, linkage.PaddedCount(len(records)), b.Len())
	c.batches, c.last = append(c.batches, data), b.Tip()
	return b
}

// holder is an identifier of an account as a receiver has stored it.
type holder struct {
	linkage.Enrolled
	keeper *linkage.Keeper
	slot   int
}

// follow finds what a feed says about those who hold: what a service does that keeps all
// records, and not what one does that has a table.
func follow(t testing.TB, holders []holder, records []linkage.Record) []linkage.Match {
	t.Helper()
	type place struct{ record, identifier int }
	tags := map[*linkage.Keeper]map[[16]byte][]place{}
	retracted := map[[16]byte]uint64{}
	for _, r := range records {
		if r.Operation() == linkage.Retract {
			retracted[r.Alias()] = r.Sequence()
		}
	}
	found := map[string]map[uuid.UUID]*linkage.MatchedSignal{}
	for _, h := range holders {
		if tags[h.keeper] == nil {
			index := map[[16]byte][]place{}
			for i, r := range records {
				for j := range r.Identifiers() {
					tag := h.keeper.Tag(r.Tag(j, h.slot))
					index[tag] = append(index[tag], place{i, j})
				}
			}
			tags[h.keeper] = index
		}
		kept := h.Kept
		for nth := 0; len(tags[h.keeper][kept.Tag]) > 0; nth++ {
			for _, at := range tags[h.keeper][kept.Tag] {
				r := records[at.record]
				o, err := h.keeper.Open(kept, nth, at.identifier, h.slot, r)
				require.NoError(t, err)
				if retracted[r.Alias()] > r.Sequence() {
					continue
				}
				if found[h.Ref] == nil {
					found[h.Ref] = map[uuid.UUID]*linkage.MatchedSignal{}
				}
				s := found[h.Ref][o.Signal]
				if s == nil || s.Sequence < r.Sequence() {
					s = &linkage.MatchedSignal{ID: o.Signal, Sequence: r.Sequence(), Label: o.Label}
					found[h.Ref][o.Signal] = s
				}
				if s.Sequence > r.Sequence() {
					continue
				}
				s.Kinds, s.Places = append(s.Kinds, h.Kind), append(s.Places, h.Place)
			}
			kept = h.keeper.Nth(h.Kept, nth+1)
		}
	}
	var out []linkage.Match
	for ref, signals := range found {
		m := linkage.Match{Account: ref}
		for _, s := range signals {
			slices.Sort(s.Kinds)
			slices.Sort(s.Places)
			s.Kinds, s.Places = slices.Compact(s.Kinds), slices.Compact(s.Places)
			m.Signals = append(m.Signals, *s)
		}
		slices.SortFunc(m.Signals, func(a, b linkage.MatchedSignal) int { return bytes.Compare(a.ID[:], b.ID[:]) })
		out = append(out, m)
	}
	slices.SortFunc(out, func(a, b linkage.Match) int { return cmp.Compare(a.Account, b.Account) })
	return out
}

// A feed of adds, revisions and withdrawals says to accounts of the base and to those that
// came later just what a plain join of what is in force says.
func TestFeedIsThePlainJoin(t *testing.T) {
	eachProtocol(t, func(t *testing.T, under func(*linkage.Agreement)) {
		seed := rand.Uint64()
		t.Logf("seed %d", seed)
		r := rand.New(rand.NewPCG(seed, 4))
		w := newWorld(t, r, 60, 40, 40)
		d := onDuty(t, linkagetest.NewParties(under), w.accounts[:40])
		c := &chain{duty: d}
		inForce := map[uuid.UUID]linkage.Flagged{}
		var records []linkage.Record
		take := func(made ...linkage.Sealed) {
			b := c.cut(t, made...)
			for i := range b.Len() {
				records = append(records, b.Record(i))
			}
		}
		for from := 0; from < len(w.signals); from += 10 {
			var made []linkage.Sealed
			for _, s := range w.signals[from : from+10] {
				if s.Sequence = 1; len(s.Identifiers) > 0 {
					made = append(made, d.record(t, &s))
					inForce[s.ID] = s
				}
			}
			take(made...)
			made = nil
			for id, s := range inForce {
				switch r.IntN(6) {
				case 0:
					s.Sequence++
					s.Label = []byte(fmt.Sprint("revised ", s.Sequence))
					made = append(made, d.record(t, &s))
					inForce[id] = s
				case 1:
					made = append(made, d.retract(t, id, s.Sequence+1))
					delete(inForce, id)
				}
			}
			take(made...)
		}

		// The base has its generation's slot, who comes later the live one.
		baseKeeper := linkage.NewKeeper(d.Agreement, d.epoch, hashing.NewKey())
		liveKeeper := linkage.NewKeeper(d.Agreement, d.epoch, hashing.NewKey())
		slot := slices.Index(d.sealer.Generations(), d.base.Generation())
		var holders []holder
		for e := range d.base.All(baseKeeper) {
			holders = append(holders, holder{e, baseKeeper, slot})
		}
		require.Len(t, holders, d.base.Len())
		for _, a := range w.accounts[40:] {
			for place, id := range a.Identifiers {
				if slices.Index(a.Identifiers, id) == place {
					kept := d.evaluate(t, liveKeeper, id)[0]
					holders = append(holders, holder{linkage.Enrolled{Ref: a.Ref, Place: place, Kind: id.Kind(), Kept: kept}, liveKeeper, 0})
				}
			}
		}
		var signals []linkage.Flagged
		for _, s := range inForce {
			signals = append(signals, s)
		}
		want := linkagetest.Join(w.accounts, signals)
		require.NotEmpty(t, want)
		got := follow(t, holders, records)
		require.Equal(t, len(want), len(got))
		for i := range want {
			require.Equal(t, want[i].Account, got[i].Account)
			for j := range want[i].Signals {
				want, got := want[i].Signals[j], got[i].Signals[j]
				require.True(t, bytes.Equal(want.Label, got.Label))
				want.Label, got.Label = nil, nil
				require.Equal(t, want, got)
			}
		}
	})
}

// A record that was shelved still says what it said to whoever comes later.
func TestShelvedRecords(t *testing.T) {
	eachProtocol(t, func(t *testing.T, under func(*linkage.Agreement)) {
		d := onDuty(t, linkagetest.NewParties(under), nil)
		id := phone(t, 1)
		s := linkage.Flagged{ID: uuid.New(), Sequence: 7, Identifiers: []hashing.Identifier{id, device(t, hashing.InstallID, 1)}, Label: []byte("label")}
		b := (&chain{duty: d}).cut(t, d.record(t, &s), d.retract(t, uuid.New(), 3))
		k := linkage.NewKeeper(d.Agreement, d.epoch, hashing.NewKey())
		var shelf []byte
		for i := range b.Len() {
			shelf = b.Record(i).Shelve(shelf, k)
		}
		kept, opened, n := d.evaluate(t, k, id)[0], 0, 0
		for rest := shelf; len(rest) > 0; n++ {
			r, after, err := linkage.ParseShelved(d.Agreement, rest)
			require.NoError(t, err)
			from := b.Record(n)
			require.Equal(t, []any{from.Alias(), from.Sequence(), from.Operation(), from.Identifiers(), 1},
				[]any{r.Alias(), r.Sequence(), r.Operation(), r.Identifiers(), r.Slots()})
			for i := range r.Identifiers() {
				require.Equal(t, k.Tag(from.Tag(i, 0)), r.Tag(i, 0))
				if r.Tag(i, 0) == kept.Tag {
					o, err := k.Open(kept, 0, i, 0, r)
					require.NoError(t, err)
					require.Equal(t, linkage.Opened{Signal: s.ID, Label: s.Label}, o)
					opened++
				}
			}
			rest = after
		}
		require.Equal(t, []int{b.Len(), 1}, []int{n, opened})
		_, _, err := linkage.ParseShelved(d.Agreement, shelf[:len(shelf)-1-len(shelf)%2])
		require.NoError(t, err) // the first is whole
		_, _, err = linkage.ParseShelved(d.Agreement, shelf[:20])
		require.ErrorIs(t, err, linkage.ErrState)
	})
}

// What a signal costs on the wire, in the class that most will take.
func TestRecordSizes(t *testing.T) {
	eachProtocol(t, func(t *testing.T, under func(*linkage.Agreement)) {
		d := onDuty(t, linkagetest.NewParties(under), nil)
		slots := len(d.sealer.Generations())
		for n := 1; n <= 3; n++ {
			s := linkage.Flagged{ID: uuid.New()}
			for i := range n {
				s.Identifiers = append(s.Identifiers, device(t, hashing.InstallID, uint64(100*n+i)))
			}
			require.Equal(t, 85+64+32*n*slots, d.record(t, &s).Len())
		}
		require.Equal(t, 26, d.retract(t, uuid.New(), 1).Len())
	})
}

func TestPaddedCount(t *testing.T) {
	for _, c := range [][2]int{{0, 8}, {1, 8}, {8, 8}, {9, 10}, {15, 16}, {17, 18}, {100, 104}, {1000, 1024}, {10_000, 10_240}, {50_000, 50_000}, {49_500, 50_000}} {
		require.Equal(t, c[1], linkage.PaddedCount(c[0]), c[0])
	}
	for n := 9; n <= linkage.MaxRecords; n++ {
		p := linkage.PaddedCount(n)
		require.LessOrEqual(t, n, p)
		require.LessOrEqual(t, float64(p), 1.12*float64(n)+1)
		require.LessOrEqual(t, p, linkage.MaxRecords)
	}
}

// noHash says that Ed25519 signs the message itself.
const noHash = crypto.Hash(0)

func sha256Of(b []byte) [32]byte { return sha256.Sum256(b) }
