package linkage_test

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
	"github.com/hueandcry/hueandcry/linkage/linkagetest"
)

// Under "ec" a base is of the live generation: who comes one by one is kept just as who was
// enrolled by a session.
func TestEvaluationIsTheLiveGeneration(t *testing.T) {
	ids := []hashing.Identifier{phone(t, 1), device(t, hashing.InstallID, 1), phone(t, 2), device(t, hashing.AdvertisingID, 1)}
	d := onDuty(t, linkagetest.NewParties(), []linkage.Account{{Ref: "a", Identifiers: ids}})
	require.Equal(t, linkage.LiveGeneration(d.Agreement, d.epoch), d.base.Generation())
	k := linkage.NewKeeper(d.Agreement, d.epoch, hashing.NewKey())
	byPlace := map[int]linkage.Kept{}
	for e := range d.base.All(k) {
		byPlace[e.Place] = e.Kept
		require.Equal(t, ids[e.Place].Kind(), e.Kind)
	}
	for i, kept := range d.evaluate(t, k, ids...) {
		require.Equal(t, byPlace[i], kept)
		require.Equal(t, k.Token(ids[i]), kept.Token)
	}
	// It is the keeper's key that a row depends on.
	other := linkage.NewKeeper(d.Agreement, d.epoch, hashing.NewKey())
	theirs, ours := d.evaluate(t, other, ids[0])[0], byPlace[0]
	require.NotEqual(t, theirs.Tag, ours.Tag)
	require.NotEqual(t, theirs.Value, ours.Value)
	require.NotEqual(t, theirs.Token, ours.Token)
	require.Equal(t, ours, k.Nth(ours, 0))
	require.Equal(t, ours, k.Nth(k.Nth(ours, 5), 0))
	require.NotEqual(t, ours.Tag, k.Nth(ours, 1).Tag)
	require.Panics(t, func() { k.Nth(ours, -1) })
}

// A transmitter with another key in the same epoch is noticed by it, though all it says is signed.
func TestEvaluationNamesTheKey(t *testing.T) {
	p := linkagetest.NewParties()
	other := *p
	other.Key = hashing.NewKey()
	d, again, forked := onDuty(t, p, nil), onDuty(t, p, nil), onDuty(t, &other, nil)
	require.Equal(t, d.sealer.Feed(), forked.sealer.Feed())
	require.Equal(t, d.blinder.PublicKeyDigest(), again.blinder.PublicKeyDigest())
	require.NotEqual(t, d.blinder.PublicKeyDigest(), forked.blinder.PublicKeyDigest())
	for _, d := range []*duty{d, again, forked} {
		require.Equal(t, d.blinder.PublicKeyDigest(), (&chain{duty: d}).cut(t).Header().LiveKey)
	}
}

func TestEvaluationLimits(t *testing.T) {
	d := onDuty(t, linkagetest.NewParties(func(a *linkage.Agreement) {
		a.Kinds, a.SameVendor = []hashing.Kind{hashing.Phone, hashing.IMEI}, false
	}), nil)
	many := make([]hashing.Identifier, linkage.MaxEvaluation+1)
	for i := range many {
		many[i] = phone(t, uint64(i))
	}
	for _, ids := range [][]hashing.Identifier{nil, many, {{}}} {
		_, err := d.blinder.Blind(t.Context(), ids)
		require.ErrorIs(t, err, linkage.ErrInput)
	}
	var kind *linkage.KindError
	_, err := d.blinder.Blind(t.Context(), []hashing.Identifier{device(t, hashing.InstallID, 1)})
	require.ErrorAs(t, err, &kind)

	b, err := d.blinder.Blind(t.Context(), many[:linkage.MaxEvaluation])
	require.NoError(t, err)
	n, err := d.evaluator.Count(b.Request())
	require.NoError(t, err)
	require.Equal(t, linkage.MaxEvaluation, n)
	ctx, cancel := context.WithCancelCause(t.Context())
	cancel(errors.New("enough"))
	_, err = d.evaluator.Evaluate(ctx, b.Request())
	require.ErrorIs(t, err, linkage.ErrCanceled)
}

// What a peer sends that is not a request is refused before anything is computed.
func TestHostileRequests(t *testing.T) {
	d := onDuty(t, linkagetest.NewParties(), nil)
	b, err := d.blinder.Blind(t.Context(), []hashing.Identifier{phone(t, 1), device(t, hashing.InstallID, 1)})
	require.NoError(t, err)
	good := b.Request()
	require.Len(t, good, 1+2*(3+32))
	change := func(f func(b []byte)) []byte { b := bytes.Clone(good); f(b); return b }
	for name, c := range map[string]struct {
		request []byte
		want    linkage.Code
	}{
		"nothing":         {nil, linkage.ErrFrame},
		"later version":   {change(func(b []byte) { b[0] = 2 }), linkage.ErrVersion},
		"no groups":       {good[:1], linkage.ErrFrame},
		"cut short":       {good[:len(good)-1], linkage.ErrFrame},
		"something more":  {append(bytes.Clone(good), 0), linkage.ErrFrame},
		"a group of none": {append(bytes.Clone(good[:1]), 1, 0, 0), linkage.ErrFrame},
		"too many":        {append([]byte{1, 1, 0xff, 0xff}, make([]byte, 32*0xffff)...), linkage.ErrLimit},
		"one too many":    {append([]byte{1, 1, 3, 0xe9}, make([]byte, 32*1001)...), linkage.ErrLimit},
		"more than is":    {change(func(b []byte) { b[2] = 0xff }), linkage.ErrFrame},
		"unknown kind":    {change(func(b []byte) { b[1] = 99 }), linkage.ErrFrame},
		"kinds twice":     {append(bytes.Clone(good), good[1:]...), linkage.ErrFrame},
	} {
		_, err := d.evaluator.Count(c.request)
		require.ErrorIs(t, err, c.want, name)
		_, err = d.evaluator.Evaluate(t.Context(), c.request)
		require.ErrorIs(t, err, c.want, name)
	}
	zeros := change(func(b []byte) { clear(b[4:36]) })
	_, err = d.evaluator.Evaluate(t.Context(), zeros)
	require.ErrorIs(t, err, linkage.ErrElement)
}

// An answer of which one bit is another is refused, and so is that to another request.
func TestHostileAnswers(t *testing.T) {
	d := onDuty(t, linkagetest.NewParties(), nil)
	k := linkage.NewKeeper(d.Agreement, d.epoch, hashing.NewKey())
	ids := []hashing.Identifier{phone(t, 1), device(t, hashing.InstallID, 1)}
	finish := func(change func(answer []byte) []byte) error {
		b, err := d.blinder.Blind(t.Context(), ids)
		require.NoError(t, err)
		answer, err := d.evaluator.Evaluate(t.Context(), b.Request())
		require.NoError(t, err)
		kept, err := b.Finish(change(answer), k)
		if err != nil {
			require.Nil(t, kept)
			require.Panics(t, func() { _, _ = b.Finish(answer, k) })
		}
		return err
	}
	require.NoError(t, finish(func(a []byte) []byte { return a }))
	size := 1 + 2*(32+64)
	for i := 1; i < size; i += 5 {
		require.Error(t, finish(func(a []byte) []byte { a[i] ^= 1 << (i % 8); return a }), i)
	}
	require.ErrorIs(t, finish(func(a []byte) []byte { a[0] = 2; return a }), linkage.ErrVersion)
	require.ErrorIs(t, finish(func(a []byte) []byte { return nil }), linkage.ErrFrame)
	require.ErrorIs(t, finish(func(a []byte) []byte { return a[:len(a)-1] }), linkage.ErrFrame)
	require.ErrorIs(t, finish(func(a []byte) []byte { return append(a, 0) }), linkage.ErrFrame)
	var before []byte
	require.NoError(t, finish(func(a []byte) []byte { before = a; return a }))
	require.ErrorIs(t, finish(func([]byte) []byte { return before }), linkage.ErrProof)
	clearElement := func(a []byte) []byte { clear(a[1:33]); return a }
	require.ErrorIs(t, finish(clearElement), linkage.ErrElement)
}

// An opening is for one agreement, epoch and transmitter.
func TestHostileOpenings(t *testing.T) {
	p := linkagetest.NewParties(func(a *linkage.Agreement) { a.Kinds, a.SameVendor = []hashing.Kind{hashing.Phone}, false })
	e, err := linkage.NewEvaluator(p.TransmitterConfig())
	require.NoError(t, err)
	opening := e.Opening()
	now, _ := p.Agreement.Epoch(time.Now())
	for i := 0; i < len(opening); i += 3 {
		bad := bytes.Clone(opening)
		bad[i] ^= 1 << (i % 8)
		_, err := linkage.NewBlinder(p.ReceiverConfig(), now, bad)
		require.Error(t, err, i)
	}
	for _, n := range []int{0, 5, 6, 40, 60, len(opening) - 1} {
		_, err := linkage.NewBlinder(p.ReceiverConfig(), now, opening[:n])
		require.ErrorIs(t, err, linkage.ErrFrame)
	}
	later := bytes.Clone(opening)
	later[5] = 2
	_, err = linkage.NewBlinder(p.ReceiverConfig(), now, later)
	require.ErrorIs(t, err, linkage.ErrVersion)
	_, err = linkage.NewBlinder(p.ReceiverConfig(), now+1, opening)
	require.ErrorIs(t, err, linkage.ErrEpoch)
	_, err = linkage.NewBlinder(p.ReceiverConfig(), 1<<31, opening)
	require.ErrorIs(t, err, linkage.ErrEpoch)
	other := linkagetest.NewParties()
	_, err = linkage.NewBlinder(other.ReceiverConfig(), now, opening)
	require.ErrorIs(t, err, linkage.ErrAgreement)
	forged := bytes.Clone(opening)
	sig, err := p.Receiver.Sign(nil, append([]byte("hueandcry/evaluator/v1\x00"), forged[:len(forged)-64]...), noHash)
	require.NoError(t, err)
	copy(forged[len(forged)-64:], sig)
	_, err = linkage.NewBlinder(p.ReceiverConfig(), now, forged)
	require.ErrorIs(t, err, linkage.ErrPeer)
	// The transmitter itself lies about a base.
	forged = bytes.Clone(opening)
	forged[6+36+32+40]++
	sig, err = p.Transmitter.Sign(nil, append([]byte("hueandcry/evaluator/v1\x00"), forged[:len(forged)-64]...), noHash)
	require.NoError(t, err)
	copy(forged[len(forged)-64:], sig)
	_, err = linkage.NewBlinder(p.ReceiverConfig(), now, forged)
	require.ErrorIs(t, err, linkage.ErrProof)
	cfg := p.TransmitterConfig()
	cfg.Key = hashing.Key{}
	_, err = linkage.NewEvaluator(cfg)
	require.ErrorIs(t, err, linkage.ErrInput)
	_, err = linkage.NewSealer(cfg, nil)
	require.ErrorIs(t, err, linkage.ErrInput)
}

// Many ask at once.
func TestEvaluationConcurrently(t *testing.T) {
	d := onDuty(t, linkagetest.NewParties(), nil)
	k := linkage.NewKeeper(d.Agreement, d.epoch, hashing.NewKey())
	want := d.evaluate(t, k, phone(t, 1))
	var wg sync.WaitGroup
	for range 2 * runtime.GOMAXPROCS(0) {
		wg.Go(func() {
			b, err := d.blinder.Blind(t.Context(), []hashing.Identifier{phone(t, 1)})
			if err != nil {
				t.Error(err)
				return
			}
			answer, err := d.evaluator.Evaluate(t.Context(), b.Request())
			if err != nil {
				t.Error(err)
				return
			}
			if got, err := b.Finish(answer, k); err != nil || got[0] != want[0] {
				t.Error("another value", err)
			}
		})
	}
	wg.Wait()
}

// One identifier, with a proof for it: what a sign-up costs the transmitter.
func BenchmarkEvaluateSingle(b *testing.B) {
	d := onDuty(b, linkagetest.NewParties(), nil)
	request, err := d.blinder.Blind(b.Context(), []hashing.Identifier{phone(b, 1)})
	require.NoError(b, err)
	body := request.Request()
	b.ReportAllocs()
	for b.Loop() {
		if _, err := d.evaluator.Evaluate(b.Context(), body); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "evaluations/s")
}

// The same at the receiver, both halves.
func BenchmarkBlindSingle(b *testing.B) {
	d := onDuty(b, linkagetest.NewParties(), nil)
	k := linkage.NewKeeper(d.Agreement, d.epoch, hashing.NewKey())
	ids := []hashing.Identifier{phone(b, 1)}
	for b.Loop() {
		request, err := d.blinder.Blind(b.Context(), ids)
		require.NoError(b, err)
		b.StopTimer()
		answer, err := d.evaluator.Evaluate(b.Context(), request.Request())
		require.NoError(b, err)
		b.StartTimer()
		if _, err := request.Finish(answer, k); err != nil {
			b.Fatal(err)
		}
	}
}
