package linkage_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/davecgh/go-spew/spew"
	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
	"github.com/hueandcry/hueandcry/linkage/linkagetest"
)

// file is a state in memory.
type file struct {
	bytes.Reader
	data []byte
	left int64 // bytes that can be written before it fails; 0 means all
}

var errDisk = errors.New("disk full")

func (f *file) WriteAt(b []byte, at int64) (int, error) {
	if f.left > 0 {
		if f.left -= int64(len(b)); f.left <= 0 {
			f.left = 1
			return 0, errDisk
		}
	}
	if need := int(at) + len(b); need > len(f.data) {
		f.data = append(f.data, make([]byte, need-len(f.data))...)
	}
	return copy(f.data[at:], b), nil
}

func (f *file) ReadAt(b []byte, at int64) (int, error) { return bytes.NewReader(f.data).ReadAt(b, at) }

// enrolled runs a session whose state is kept, and gives all that was on the wire to the receiver.
func enrolled(t testing.TB, ctx context.Context, p *linkagetest.Parties, w *world, to io.WriterAt) (o outcome, wire []byte) {
	tc, rc := p.TransmitterConfig(), p.ReceiverConfig()
	tc.State = to
	tc.Now = p.Agreement.ValidFrom
	rc.Now = tc.Now
	pub, err := linkage.Publish(ctx, tc, linkage.Slice(w.signals))
	require.NoError(t, err)
	tConn, rConn := linkagetest.Pipe()
	record := &linkagetest.Recorder{Conn: rConn}
	o = run(ctx, tConn, record, tc, rc, pub, linkage.Slice(w.accounts))
	return o, record.Received()
}

func openState(p *linkagetest.Parties, from io.ReaderAt) (*linkage.State, error) {
	cfg := p.TransmitterConfig()
	cfg.Now = p.Agreement.ValidFrom
	return linkage.OpenState(cfg, from)
}

// What the state makes of a signal is, byte for byte, the record that the session has sent; for
// others it is something else each.
func TestStateMakesTheRecordsOfTheSession(t *testing.T) {
	p, w := hostileWorld(t, inBulk)
	for _, chunks := range []int{1, 4} {
		ctx := linkagetest.Chunks(linkagetest.AllowPlain(t.Context()), chunks)
		path := filepath.Join(t.TempDir(), "state")
		f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
		require.NoError(t, err)
		o, wire := enrolled(t, ctx, p, w, f)
		requireJoin(t, w, o)
		require.NoError(t, f.Close())

		f, err = os.Open(path)
		require.NoError(t, err)
		state, err := openState(p, f)
		require.NoError(t, err)
		require.Equal(t, int64(o.receiver.Identifiers), state.Identifiers())
		seen := map[string]bool{}
		for _, s := range w.signals {
			for _, id := range s.Identifiers {
				r, err := state.Record(id, 0, s)
				require.NoError(t, err)
				require.Len(t, r, recordBytes)
				require.True(t, bytes.Contains(wire, r), "the session's record")
				seen[string(r[:16])] = true

				second, err := state.Record(id, 1, s)
				require.NoError(t, err)
				require.False(t, bytes.Contains(wire, second[:16]))
				seen[string(second[:16])] = true
			}
		}
		// Of a later identifier, which no session has seen.
		for i := range uint64(50) {
			r, err := state.Record(install(t, 99, i), 0, w.signals[0])
			require.NoError(t, err)
			seen[string(r[:16])] = true
		}
		require.Len(t, seen, 2*10+50)
		require.NoError(t, f.Close())
	}
}

func TestStateRefusesWhatItCannotSay(t *testing.T) {
	p, w := hostileWorld(t, inBulk)
	var f file
	o, _ := enrolled(t, linkagetest.AllowPlain(t.Context()), p, w, &f)
	requireJoin(t, w, o)
	state, err := openState(p, &f)
	require.NoError(t, err)
	id, s := w.signals[0].Identifiers[0], w.signals[0]
	var kind *linkage.KindError
	_, err = state.Record(device(t, hashing.AdvertisingID, 1), 0, s)
	require.ErrorAs(t, err, &kind)
	_, err = state.Record(hashing.Identifier{}, 0, s)
	require.ErrorIs(t, err, linkage.ErrInput)
	_, err = state.Record(id, -1, s)
	require.ErrorIs(t, err, linkage.ErrInput)
	_, err = state.Record(id, 0, linkage.Flagged{Label: s.Label})
	require.ErrorIs(t, err, linkage.ErrInput, "no ID")
	_, err = state.Record(id, 16, s)
	require.ErrorIs(t, err, linkage.ErrLimit)
	s.Label = make([]byte, 65)
	_, err = state.Record(id, 0, s)
	require.ErrorIs(t, err, linkage.ErrLimit)

	// No key, and no place to keep anything without one.
	cfg := p.TransmitterConfig()
	cfg.Key = hashing.Key{}
	_, err = linkage.OpenState(cfg, &f)
	require.ErrorIs(t, err, linkage.ErrInput)
	pub, err := linkage.Publish(t.Context(), p.TransmitterConfig(), linkage.Slice(w.signals))
	require.NoError(t, err)
	cfg.State = &file{}
	conn, far := linkagetest.Pipe()
	_, err = linkage.Transmit(linkagetest.AllowPlain(t.Context()), conn, cfg, pub)
	require.ErrorIs(t, err, linkage.ErrInput)
	_ = far.Close()

	// Under "ec" there is nothing to keep.
	ec := linkagetest.NewParties()
	cfg = ec.TransmitterConfig()
	cfg.State = &file{}
	pub, err = linkage.Publish(t.Context(), cfg, linkage.Slice(w.signals))
	require.NoError(t, err)
	conn, far = linkagetest.Pipe()
	_, err = linkage.Transmit(linkagetest.AllowPlain(t.Context()), conn, cfg, pub)
	require.ErrorIs(t, err, linkage.ErrInput)
	_ = far.Close()
}

// Whatever is changed in the file is found, at the latest when it is read; a file of a later
// version is refused as such, and not touched.
func TestDamagedState(t *testing.T) {
	p, w := hostileWorld(t, inBulk)
	var f file
	o, _ := enrolled(t, linkagetest.Chunks(linkagetest.AllowPlain(t.Context()), 2), p, w, &f)
	requireJoin(t, w, o)
	intact := bytes.Clone(f.data)
	use := func() error {
		state, err := openState(p, &f)
		if err != nil {
			return err
		}
		for _, s := range w.signals {
			for _, id := range s.Identifiers {
				if _, err := state.Record(id, 0, s); err != nil {
					return err
				}
			}
		}
		return nil
	}
	require.NoError(t, use())
	// What one file was refused for is not said of another.
	f.data = bytes.Clone(intact[:100])
	_, one := openState(p, &f)
	f.data = bytes.Clone(intact[:100])
	_, two := openState(p, &f)
	require.ErrorIs(t, one, linkage.ErrState)
	require.NotSame(t, one, two)
	f.data = bytes.Clone(intact)
	code := func(at int) linkage.Code {
		if at == 5 {
			return linkage.ErrVersion
		}
		return linkage.ErrState
	}
	for at := 0; at < len(intact); at += 1 + at/40 {
		f.data = bytes.Clone(intact)
		f.data[at] ^= 0x10
		err := use()
		require.Error(t, err, "byte %d of %d", at, len(intact))
		require.ErrorIs(t, err, code(at), "byte %d", at)
		require.True(t, bytes.Equal(f.data[:at], intact[:at]))
	}
	for _, n := range []int{0, 3, 37, 100, len(intact) / 2, len(intact) - 1} {
		f.data = intact[:n]
		require.ErrorIs(t, use(), linkage.ErrState, "%d bytes", n)
	}
	f.data = bytes.Clone(intact)

	// Another key, another epoch, another agreement.
	cfg := p.TransmitterConfig()
	cfg.Now, cfg.Key = p.Agreement.ValidFrom, hashing.NewKey()
	_, err := linkage.OpenState(cfg, &f)
	require.ErrorIs(t, err, linkage.ErrState)
	cfg = p.TransmitterConfig()
	cfg.Now = p.Agreement.ValidFrom.AddDate(0, 0, 40)
	_, err = linkage.OpenState(cfg, &f)
	require.ErrorIs(t, err, linkage.ErrState)
	other := linkagetest.NewParties(inBulk)
	other.Key = p.Key
	_, err = openState(other, &f)
	require.ErrorIs(t, err, linkage.ErrState)

	// A chunk of another session in the place of this one's.
	var g file
	o, _ = enrolled(t, linkagetest.Chunks(linkagetest.AllowPlain(t.Context()), 2), p, w, &g)
	requireJoin(t, w, o)
	require.Equal(t, len(f.data), len(g.data))
	copy(f.data[len(f.data)/2:], g.data[len(f.data)/2:])
	require.ErrorIs(t, use(), linkage.ErrState)
	copy(f.data, g.data[:200])
	require.ErrorIs(t, use(), linkage.ErrState)
}

// A disk that is full at any point ends the session with an error that says so, and leaves no
// file that opens.
func TestDiskFull(t *testing.T) {
	p, w := hostileWorld(t, inBulk)
	ctx := linkagetest.Chunks(linkagetest.AllowPlain(t.Context()), 2)
	var whole file
	o, _ := enrolled(t, ctx, p, w, &whole)
	requireJoin(t, w, o)
	for left := int64(1); ; left += 400 {
		f := &file{left: left, data: bytes.Clone(whole.data)} // over an older file
		o, _ := enrolled(t, ctx, p, w, f)
		if o.errTransmit == nil {
			requireJoin(t, w, o)
			break
		}
		require.ErrorIs(t, o.errTransmit, linkage.ErrInput)
		require.ErrorIs(t, o.errTransmit, errDisk)
		require.Error(t, o.errReceiver)
		if left > 400 { // the old head was overwritten first
			_, err := openState(p, f)
			require.Error(t, err)
		}
	}
}

// The state prints as its type, whatever holds it, and the file shows neither tag nor key.
func TestStateDoesNotPrint(t *testing.T) {
	p, w := hostileWorld(t, inBulk)
	var f file
	o, wire := enrolled(t, linkagetest.AllowPlain(t.Context()), p, w, &f)
	requireJoin(t, w, o)
	state, err := openState(p, &f)
	require.NoError(t, err)
	var log strings.Builder
	slog.New(slog.NewTextHandler(&log, nil)).Info("x", "state", state)
	holder := struct{ s *linkage.State }{state}
	printed := log.String() + fmt.Sprintf("%v %+v %#v %s %x", state, state, state, state, state) + fmt.Sprintf("%+v", holder) + spew.Sdump(state, holder)
	require.Contains(t, printed, "linkage.State")
	require.Less(t, len(printed), 2000)
	for at := 0; at+16 <= len(f.data); at++ {
		require.False(t, bytes.Contains(wire, f.data[at:at+16]), "16 bytes of the file were on the wire")
	}
}

// The file of a session with fixed randomness: a change here is a new version of the file.
func TestStateKnownAnswer(t *testing.T) {
	p := fixedParties(t, inBulk)
	w := &world{
		[]linkage.Account{{Ref: "a", Identifiers: []hashing.Identifier{phone(t, 1)}}},
		[]linkage.Flagged{{ID: uuid.UUID{1}, Sequence: 1, Identifiers: []hashing.Identifier{phone(t, 1)}, Label: []byte("label")}},
	}
	var f file
	o, _ := enrolled(t, linkagetest.FixedRandom(linkagetest.AllowPlain(t.Context()), "known answer"), p, w, &f)
	requireJoin(t, w, o)
	sum := sha256.Sum256(f.data)
	require.Equal(t, "a0284932162f86b5728883861792c5e74e065bf4519a6fb7b0f8eb69e77def0b", hex.EncodeToString(sum[:]))
	state, err := openState(p, &f)
	require.NoError(t, err)
	r, err := state.Record(phone(t, 2), 3, w.signals[0])
	require.NoError(t, err)
	sum = sha256.Sum256(r)
	require.Equal(t, "f8af3511b5b9923c25b0ddca9ffe197db8ca77cda22ad1f8205d7b660a490f69", hex.EncodeToString(sum[:]))
}

// BenchmarkStateRecord is a later identifier on the state of 2^20 accounts, read into memory or in a
// file (which the system then holds in memory too): the evaluation, and with a label the sealing.
func BenchmarkStateRecord(b *testing.B) {
	const n = 1 << 20
	for _, class := range []int{0, 64} {
		b.Run(fmt.Sprint("label ", class), func(b *testing.B) {
			p := linkagetest.NewParties(inBulk, func(a *linkage.Agreement) {
				a.Limits.Identifiers, a.LabelBytes = linkage.Encodable(linkage.ProtocolVOLE, n), class
			})
			f, err := os.Create(filepath.Join(b.TempDir(), "state"))
			require.NoError(b, err)
			defer func() { _ = f.Close() }()
			ctx := linkagetest.AllowPlain(b.Context())
			tc, rc := p.TransmitterConfig(), p.ReceiverConfig()
			tc.State = f
			pub, err := linkage.Publish(ctx, tc, linkage.Slice[linkage.Flagged](nil))
			require.NoError(b, err)
			tConn, rConn := linkagetest.Pipe()
			o := run(ctx, tConn, rConn, tc, rc, pub, func(yield func(linkage.Account, error) bool) {
				for i := range uint64(n) {
					if !yield(linkage.Account{Ref: fmt.Sprint(i), Identifiers: []hashing.Identifier{install(b, 1, i)}}, nil) {
						return
					}
				}
			})
			require.NoError(b, o.errReceiver)
			require.NoError(b, o.errTransmit)
			later := make([]hashing.Identifier, 4096)
			for i := range later {
				later[i] = install(b, 2, uint64(i))
			}
			size, err := f.Seek(0, io.SeekEnd)
			require.NoError(b, err)
			whole, err := os.ReadFile(f.Name())
			require.NoError(b, err)
			for name, from := range map[string]io.ReaderAt{"file": f, "memory": bytes.NewReader(whole)} {
				b.Run(name, func(b *testing.B) {
					state, err := linkage.OpenState(tc, from)
					require.NoError(b, err)
					i := 0
					signal := linkage.Flagged{ID: uuid.New()}
					for b.Loop() {
						if _, err := state.Record(later[i%len(later)], 0, signal); err != nil {
							b.Fatal(err)
						}
						i++
					}
					b.ReportMetric(float64(size)/n, "B/account")
				})
			}
		})
	}
}
