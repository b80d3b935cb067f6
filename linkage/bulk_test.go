package linkage_test

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"testing"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
	"github.com/hueandcry/hueandcry/linkage/linkagetest"
)

// The types of the frames of a bulk session, as they stand in bulk.go.
const (
	frameBulk   byte = 9
	frameVector byte = 10
	frameReady  byte = 11
)

func inBulk(a *linkage.Agreement) {
	a.Protocol = linkage.ProtocolVOLE
	a.Limits.Identifiers = linkage.Encodable(linkage.ProtocolVOLE, a.Limits.Identifiers)
}

// install makes the n-th install id of a series. A few are refused, for they look like
// patterns: then it is another.
func install(t testing.TB, series, n uint64) hashing.Identifier {
	for try := range uint64(10) {
		var b [16]byte
		binary.BigEndian.PutUint64(b[:], n)
		b[8] = byte(try)
		sum := sha256.Sum256(binary.BigEndian.AppendUint64(b[:], series))
		if id, err := hashing.ParseDevice(hashing.InstallID, hex.EncodeToString(sum[:16])); err == nil {
			return id
		}
	}
	t.Fatal("ten install ids in a row are refused")
	return hashing.Identifier{}
}

// many are two services of which each account has one identifier, some twice, with so many
// in common, and the account names that must match.
func many(t testing.TB, accounts, flagged, common int) (w *world, want []string) {
	w = &world{}
	series := rand.Uint64()
	id := func(i int) hashing.Identifier { return install(t, series, uint64(i)) }
	for i := range accounts {
		w.accounts = append(w.accounts, linkage.Account{Ref: fmt.Sprintf("%07d", i), Identifiers: []hashing.Identifier{id(i)}})
		if i%5 == 4 { // the identifier of the account before, which thus is of two
			w.accounts[i].Identifiers = append(w.accounts[i].Identifiers, id(i-1))
		}
		if i < common || i%5 == 4 && i-1 < common {
			want = append(want, w.accounts[i].Ref)
		}
	}
	for i := range flagged {
		at := i
		if i >= common {
			at = 1<<30 + i
		}
		w.signals = append(w.signals, linkage.Flagged{
			ID:          uuid.UUID(binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, rand.Uint64()|1), rand.Uint64())),
			Identifiers: []hashing.Identifier{id(at)}, Label: []byte("x"),
		})
	}
	return w, want
}

func requireAccounts(t testing.TB, want []string, o outcome) {
	t.Helper()
	require.NoError(t, o.errReceiver)
	require.NoError(t, o.errTransmit)
	got := make([]string, 0, len(o.matches))
	for _, m := range o.matches {
		got = append(got, m.Account)
	}
	require.True(t, slices.Equal(append([]string{}, want...), got), "%d accounts expected, %d matched", len(want), len(got))
}

// Every number of accounts from 0 to 40 and every seventh to 300, and numbers up to 2^16 on either
// side, with identifiers given twice, with none in common, with all. HUEANDCRY_FULL takes every
// number to 300, and more of them up to 2^18.
func TestBulkEqualsThePlainIntersection(t *testing.T) {
	p := linkagetest.NewParties(inBulk)
	each, most, sizes, bits := 40, 300, 9, 16
	switch {
	case full():
		each, sizes, bits = 300, 40, 18
	case testing.Short():
		each, most, sizes, bits = 20, 20, 4, 15
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	var all [][3]int
	check := func(accounts, flagged, common int) { all = append(all, [3]int{accounts, flagged, common}) }
	for n := 0; n <= most; n++ {
		if n <= each || n%7 == 0 {
			check(n, n, []int{0, n, n / 2}[n%3])
		}
	}
	size := func() int { return int(math.Exp2(float64(bits) * r.Float64())) }
	for i := range sizes {
		accounts, flagged := size(), size()
		switch i {
		case 0:
			accounts = 1 << bits
		case 1:
			flagged = 1 << bits
		}
		both := min(accounts, flagged)
		check(accounts, flagged, []int{0, both, r.IntN(both + 1)}[i%3])
	}
	// Several at a time: a small session is mostly two parties that wait for each other.
	for group := range 4 {
		t.Run(fmt.Sprint("group ", group), func(t *testing.T) {
			t.Parallel()
			for i := group; i < len(all); i += 4 {
				w, want := many(t, all[i][0], all[i][1], all[i][2])
				requireAccounts(t, want, runPlain(t, p, w))
			}
		})
	}
}

// A session of many chunks comes to the same as one of one.
func TestManyChunks(t *testing.T) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 2))
	p := linkagetest.NewParties(inBulk, func(a *linkage.Agreement) { a.Limits.SignalsPerIdentifier = 256 })
	w := newWorld(t, r, 200, 60, 400)
	want := linkagetest.Join(w.accounts, w.signals)
	for _, chunks := range []int{2, 7, 1000} {
		ctx := linkagetest.Chunks(linkagetest.AllowPlain(t.Context()), chunks)
		tConn, rConn := linkagetest.Pipe()
		pub, err := linkage.Publish(ctx, p.TransmitterConfig(), linkage.Slice(w.signals))
		require.NoError(t, err)
		rc := p.ReceiverConfig()
		steps := 0
		rc.Progress = func(g linkage.Progress) {
			if g.Round == "enrolment" {
				steps++
				require.LessOrEqual(t, g.Done, g.Total)
			}
		}
		if chunks == 1000 {
			w.accounts = w.accounts[:20] // one chunk for each identifier
			want = linkagetest.Join(w.accounts, w.signals)
		}
		o := run(ctx, tConn, rConn, p.TransmitterConfig(), rc, pub, linkage.Slice(w.accounts))
		requireJoin(t, w, o)
		require.Equal(t, min(chunks, o.receiver.Identifiers), steps)
		require.NotEmpty(t, want)
	}

	// Chunks so large that their values come in several runs.
	w, common := many(t, 3000, 3000, 3000)
	ctx := linkagetest.Chunks(linkagetest.AllowPlain(t.Context()), 2)
	pub, err := linkage.Publish(ctx, p.TransmitterConfig(), linkage.Slice(w.signals))
	require.NoError(t, err)
	tConn, rConn := linkagetest.Pipe()
	requireAccounts(t, common, run(ctx, tConn, rConn, p.TransmitterConfig(), p.ReceiverConfig(), pub, linkage.Slice(w.accounts)))
}

// More than 2^20 identifiers come in two chunks without a hook.
func TestTwoChunks(t *testing.T) {
	if !full() {
		t.Skip("a million identifiers; HUEANDCRY_FULL=1")
	}
	n := 1<<20 + 1
	p := linkagetest.NewParties(inBulk, func(a *linkage.Agreement) {
		a.Limits.Identifiers, a.LabelBytes = linkage.Encodable(linkage.ProtocolVOLE, int64(n)), 0
	})
	id := func(i int) hashing.Identifier { return install(t, 7, uint64(i)) }
	accounts := func(yield func(linkage.Account, error) bool) {
		for i := range n {
			if !yield(linkage.Account{Ref: fmt.Sprint(i), Identifiers: []hashing.Identifier{id(i)}}, nil) {
				return
			}
		}
	}
	var signals []linkage.Flagged
	for i := 0; i < n; i += 1000 {
		signals = append(signals, linkage.Flagged{ID: uuid.New(), Identifiers: []hashing.Identifier{id(i)}})
	}
	ctx := linkagetest.AllowPlain(t.Context())
	pub, err := linkage.Publish(ctx, p.TransmitterConfig(), linkage.Slice(signals))
	require.NoError(t, err)
	tConn, rConn := linkagetest.Pipe()
	record := &linkagetest.Counter{Conn: rConn}
	o := run(ctx, tConn, record, p.TransmitterConfig(), p.ReceiverConfig(), pub, accounts)
	require.NoError(t, o.errReceiver)
	require.NoError(t, o.errTransmit)
	require.Len(t, o.matches, len(signals))
	require.Less(t, float64(record.Sent())/float64(n), 22.5, "bytes an account")
	t.Logf("%.2f bytes an account", float64(record.Sent())/float64(n))
}

// The cap of the agreement is on what a receiver could encode, on both sides.
func TestBulkCap(t *testing.T) {
	w, want := many(t, 100, 10, 5)
	enough := linkage.Encodable(linkage.ProtocolVOLE, 100)
	require.Greater(t, enough, int64(100))
	require.Equal(t, int64(100), linkage.Encodable(linkage.ProtocolEC, 100))
	require.Panics(t, func() { linkage.Encodable(linkage.ProtocolVOLE, -1) })
	p := linkagetest.NewParties(inBulk, func(a *linkage.Agreement) { a.Limits.Identifiers = enough })
	requireAccounts(t, want, runPlain(t, p, w))
	p = linkagetest.NewParties(inBulk, func(a *linkage.Agreement) { a.Limits.Identifiers = enough - 1 })
	o := runPlain(t, p, w)
	require.ErrorIs(t, o.errReceiver, linkage.ErrLimit)
	var e *linkage.LimitError
	require.ErrorAs(t, o.errReceiver, &e)
	require.Equal(t, linkage.LimitError{Limit: "Identifiers, as Encodable counts them,", Max: enough - 1, Got: enough}, *e)
}

func bulkAttacks(victim linkage.Role) []attack {
	hello := map[linkage.Role]byte{linkage.Receiver: frameWelcome, linkage.Transmitter: frameHello}[victim]
	all := helloAttacks(hello, 0)
	all = slices.DeleteFunc(all, func(a attack) bool { return a.name == "another protocol" })
	all = append(all, attack{name: "another protocol", kind: hello, bend: put(hello, 5, 1), want: linkage.ErrProtocol})
	for nth := range 4 {
		name := fmt.Sprintf("message %d: ", nth)
		all = append(all,
			attack{name: name + "another chunk", kind: frameBulk, nth: nth, bend: flip(frameBulk, 3), want: linkage.ErrOrder},
			attack{name: name + "another number", kind: frameBulk, nth: nth, bend: flip(frameBulk, 4), want: linkage.ErrOrder},
			attack{name: name + "too long", kind: frameBulk, nth: nth, bend: longer(frameBulk), want: linkage.ErrFrame},
			attack{name: name + "too short", kind: frameBulk, nth: nth, bend: shorter(frameBulk), want: linkage.ErrFrame},
			attack{name: name + "nothing", kind: frameBulk, nth: nth, bend: edit(frameBulk, func([]byte) []byte { return nil }), want: linkage.ErrOrder},
			attack{name: name + "oversized", kind: frameBulk, nth: nth, bend: oversized(frameBulk), want: linkage.ErrFrame},
			attack{name: name + "another type", kind: frameBulk, nth: nth, bend: func(b []byte) []byte { return raw(frameBlinded, b) }, want: linkage.ErrOrder},
			attack{name: name + "silence", kind: frameBulk, nth: nth, bend: silence, want: linkage.ErrTimeout, idle: soon},
		)
	}
	for nth := range 3 { // the fourth has no header
		all = append(all, attack{name: fmt.Sprintf("message %d: of another session", nth), kind: frameBulk, nth: nth, bend: flip(frameBulk, 5+2), want: linkage.ErrFrame})
	}
	const body = 5 + 18
	if victim == linkage.Transmitter {
		return append(all,
			attack{name: "a bad signature", kind: frameEnrol, bend: flip(frameEnrol, 0), want: linkage.ErrPeer},
			attack{name: "another coin than the nonce says", kind: frameEnrol, bend: flip(frameEnrol, 64), want: linkage.ErrCheck},
			attack{name: "more identifiers than the agreement allows", kind: frameEnrol, bend: put(frameEnrol, 64+32+4, 1), want: linkage.ErrLimit},
			attack{name: "2^64-1 identifiers", kind: frameEnrol, bend: put(frameEnrol, 64+32, 255, 255, 255, 255, 255, 255, 255, 255), want: linkage.ErrLimit},
			attack{name: "more than can be kept within the cap by honest means", kind: frameEnrol, bend: edit(frameEnrol, func(b []byte) []byte {
				binary.BigEndian.PutUint64(b[64+32:], hostileLimit)
				return b
			}), want: linkage.ErrLimit},
			attack{name: "a vector of another size", kind: frameEnrol, bend: flip(frameEnrol, 64+32+8+4+7), want: linkage.ErrVersion},
			attack{name: "more chunks", kind: frameEnrol, bend: flip(frameEnrol, 64+32+8+3), want: linkage.ErrVersion},
			attack{name: "other columns", kind: frameEnrol, bend: flip(frameEnrol, 64+32+8+4+8+3), want: linkage.ErrVersion},
			attack{name: "a session that never was", kind: frameEnrol, bend: flip(frameEnrol, 64+32+8+4+8+4), want: linkage.ErrResume},
			attack{name: "a new session of which a chunk is done", kind: frameEnrol, bend: flip(frameEnrol, -1), want: linkage.ErrResume},
			attack{name: "no sizes", kind: frameEnrol, bend: edit(frameEnrol, func(b []byte) []byte { return b[:64] }), want: linkage.ErrFrame},
			attack{name: "sizes too long", kind: frameEnrol, bend: longer(frameEnrol), want: linkage.ErrFrame},
			attack{name: "a point that is not canonical", kind: frameBulk, bend: put(frameBulk, body, nonField...), want: linkage.ErrElement},
			attack{name: "the identity for a point", kind: frameBulk, bend: put(frameBulk, body, identity...), want: linkage.ErrElement},
			attack{name: "a flipped correlation", kind: frameBulk, nth: 1, bend: flip(frameBulk, body), want: linkage.ErrCheck},
			attack{name: "a seed of its own choice", kind: frameBulk, nth: 3, bend: put(frameBulk, 5, 200), want: linkage.ErrFrame},
			attack{name: "a piece of another chunk", kind: frameVector, bend: flip(frameVector, 3), want: linkage.ErrOrder},
			attack{name: "a piece out of turn", kind: frameVector, bend: flip(frameVector, 7), want: linkage.ErrOrder},
			attack{name: "a vector that is too long", kind: frameVector, bend: longer(frameVector), want: linkage.ErrFrame},
			attack{name: "a vector that is too short", kind: frameVector, bend: shorter(frameVector), want: linkage.ErrFrame},
			attack{name: "no vector", kind: frameVector, bend: silence, want: linkage.ErrTimeout, idle: soon},
			attack{name: "not ready", kind: frameReady, bend: silence, want: linkage.ErrTimeout, idle: soon},
			attack{name: "a chunk again instead of being ready", kind: frameReady, bend: func([]byte) []byte { return raw(frameBulk, make([]byte, 55)) }, want: linkage.ErrOrder},
			attack{name: "ready with words", kind: frameReady, bend: longer(frameReady), want: linkage.ErrFrame},
			attack{name: "a chunk again instead of the end", kind: frameDone, bend: func([]byte) []byte { return raw(frameBulk, make([]byte, 55)) }, want: linkage.ErrOrder},
		)
	}
	return append(all,
		attack{name: "an old nonce", kind: frameWelcome, bend: flip(frameWelcome, 50), want: linkage.ErrPeer},
		attack{name: "a bad signature", kind: frameWelcome, bend: flip(frameWelcome, -1), want: linkage.ErrPeer},
		attack{name: "more records than the agreement allows", kind: frameAccept, bend: put(frameAccept, 0, 0, 0, 0, 0, 1), want: linkage.ErrLimit},
		attack{name: "2^64-1 records", kind: frameAccept, bend: put(frameAccept, 0, 255, 255, 255, 255, 255, 255, 255, 255), want: linkage.ErrLimit},
		attack{name: "an accept that is too short", kind: frameAccept, bend: shorter(frameAccept), want: linkage.ErrFrame},
		attack{name: "an accept that is too long", kind: frameAccept, bend: longer(frameAccept), want: linkage.ErrFrame},
		attack{name: "a choice that is not canonical", kind: frameBulk, bend: put(frameBulk, body, nonField...), want: linkage.ErrElement},
		attack{name: "a coin that was not committed to", kind: frameBulk, nth: 1, bend: flip(frameBulk, body), want: linkage.ErrCheck},
		attack{name: "inconsistent trees", kind: frameBulk, nth: 1, bend: flip(frameBulk, -1), want: linkage.ErrCheck},
		attack{name: "a wrong answer to the comparison", kind: frameBulk, nth: 2, bend: flip(frameBulk, -1), want: linkage.ErrCheck},
		attack{name: "a toss that was not committed to", kind: frameBulk, nth: 3, bend: flip(frameBulk, 5), want: linkage.ErrCheck},
		attack{name: "a vector that it does not hold", kind: frameBulk, nth: 3, bend: flip(frameBulk, -1), want: linkage.ErrCheck},
		attack{name: "records before the chunks are done", kind: frameBulk, nth: 1, bend: func([]byte) []byte { return raw(frameRecords, make([]byte, recordBytes)) }, want: linkage.ErrOrder},
		attack{name: "fewer records than announced", kind: frameRecords, bend: edit(frameRecords, func(b []byte) []byte { return b[:len(b)-recordBytes] }), want: linkage.ErrFrame},
		attack{name: "records out of order", kind: frameRecords, bend: swap(frameRecords, 0, recordBytes, recordBytes), want: linkage.ErrRecord},
		attack{name: "no records at all", kind: frameRecords, bend: silence, want: linkage.ErrTimeout, idle: soon},
		attack{name: "silence at the end", kind: frameDone, bend: silence, want: linkage.ErrTimeout, idle: soon},
	)
}

func TestHostilePeersInBulk(t *testing.T) {
	p, w := hostileWorld(t, func(a *linkage.Agreement) { a.Protocol = linkage.ProtocolVOLE })
	pub, err := linkage.Publish(t.Context(), p.TransmitterConfig(), linkage.Slice(w.signals))
	require.NoError(t, err)
	before := runtime.NumGoroutine()
	t.Run("victim", func(t *testing.T) {
		hostilePeers(t, p, w, pub, map[linkage.Role][]attack{
			linkage.Receiver: bulkAttacks(linkage.Receiver), linkage.Transmitter: bulkAttacks(linkage.Transmitter),
		})
	})
	settled(t, before)
	requireJoin(t, w, behind(t, p, w, pub, linkage.Receiver, 0, frame.bytes))
}

// A vector that is bent on its way makes two functions of one: the receiver is told, and does
// not take it for "no match".
func TestBentVector(t *testing.T) {
	p, w := hostileWorld(t, func(a *linkage.Agreement) { a.Protocol = linkage.ProtocolVOLE })
	pub, err := linkage.Publish(t.Context(), p.TransmitterConfig(), linkage.Slice(w.signals))
	require.NoError(t, err)
	// The relay is on the receiver's side: what it sends is bent, and it is the victim.
	o := behind(t, p, w, pub, linkage.Transmitter, 0, func(f frame) []byte {
		if f.kind == frameVector {
			f.body[len(f.body)-1] ^= 1
		}
		return f.bytes()
	})
	requireVictim(t, o, linkage.Receiver, linkage.ErrCheck)
}
