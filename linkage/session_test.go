package linkage_test

import (
	"context"
	"crypto/tls"
	"encoding/binary"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
	"github.com/hueandcry/hueandcry/linkage/linkagetest"
)

// device makes the n-th device identifier of a kind: an install id or an
// advertising id, well mixed, so that no rule takes it for a pattern.
func device(t testing.TB, kind hashing.Kind, n uint64) hashing.Identifier {
	t.Helper()
	mixed := rand.New(rand.NewPCG(n, uint64(kind)))
	b := binary.BigEndian.AppendUint64(binary.BigEndian.AppendUint64(nil, mixed.Uint64()), mixed.Uint64())
	u := uuid.UUID(b)
	u[6], u[8] = u[6]&0x0f|0x40, u[8]&0x3f|0x80
	id, err := hashing.ParseDevice(kind, u.String())
	require.NoError(t, err)
	return id
}

// phone makes the n-th of 30,000 phone numbers that are reserved for fiction.
func phone(t testing.TB, n uint64) hashing.Identifier {
	t.Helper()
	area := 200 + n/100%300
	if area%100 == 11 || area%100 == 99 {
		area++
	}
	id, err := hashing.PhoneParser{Fiction: true}.Parse(fmt.Sprintf("+1%d55501%02d", area, n%100))
	require.NoError(t, err)
	return id
}

// eachProtocol runs a test under each way to enrol: the edit that it is given makes an
// agreement of it.
func eachProtocol(t *testing.T, test func(t *testing.T, under func(*linkage.Agreement))) {
	for _, protocol := range []string{linkage.ProtocolEC, linkage.ProtocolVOLE} {
		t.Run(protocol, func(t *testing.T) {
			test(t, func(a *linkage.Agreement) { a.Protocol = protocol })
		})
	}
}

// full says that the larger numbers are wanted, which take longer than a plain run should.
func full() bool { return os.Getenv("HUEANDCRY_FULL") != "" }

// from gives the operations at which faults are tried: every step-th from a random one on, so that
// all are in the course of some runs. HUEANDCRY_FULL tries each.
func from(t *testing.T, step int64) (first, by int64) {
	if full() {
		step = 1
	}
	first = rand.Int64N(step)
	t.Logf("operation %d and every %d. from there on", first, step)
	return first, step
}

// world is what two services hold.
type world struct {
	accounts []linkage.Account
	signals  []linkage.Flagged
}

// newWorld makes services of the given sizes whose accounts draw identifiers
// from a pool so small that they share many, within a service and across.
func newWorld(t testing.TB, r *rand.Rand, accounts, signals, pool int) *world {
	w := &world{}
	draw := func() []hashing.Identifier {
		var ids []hashing.Identifier
		for range r.IntN(4) {
			n := r.Uint64N(uint64(pool))
			switch n % 3 {
			case 0:
				ids = append(ids, phone(t, n))
			case 1:
				ids = append(ids, device(t, hashing.InstallID, n))
			default:
				ids = append(ids, device(t, hashing.AdvertisingID, n))
			}
		}
		return ids
	}
	for i := range accounts {
		w.accounts = append(w.accounts, linkage.Account{Ref: fmt.Sprint("account ", i), Identifiers: draw()})
	}
	for i := range signals {
		var id uuid.UUID
		binary.BigEndian.PutUint64(id[:], r.Uint64())
		id[15] = 1
		label := make([]byte, r.IntN(65))
		for j := range label {
			label[j] = byte(r.Uint32())
		}
		w.signals = append(w.signals, linkage.Flagged{
			Ref: fmt.Sprint("flagged ", i), Identifiers: draw(), ID: id, Sequence: r.Uint64(), Label: label,
		})
	}
	return w
}

// outcome is what both sides of a session come to.
type outcome struct {
	matches     []linkage.Match
	receiver    linkage.Summary
	transmitter linkage.Summary
	errReceiver error
	errTransmit error
}

// run runs both sides over the two ends of a connection, each closing its end as
// it ends.
func run(ctx context.Context, tConn, rConn net.Conn, tCfg, rCfg linkage.Config, pub *linkage.Publication, accounts linkage.Source[linkage.Account]) (o outcome) {
	var wg sync.WaitGroup
	wg.Go(func() {
		defer func() { _ = tConn.Close() }()
		o.transmitter, o.errTransmit = linkage.Transmit(ctx, tConn, tCfg, pub)
	})
	wg.Go(func() {
		defer func() { _ = rConn.Close() }()
		o.matches, o.receiver, o.errReceiver = linkage.Receive(ctx, rConn, rCfg, accounts)
	})
	wg.Wait()
	return o
}

// runPlain publishes and runs a whole session without TLS.
func runPlain(t testing.TB, p *linkagetest.Parties, w *world) outcome {
	t.Helper()
	ctx := linkagetest.AllowPlain(t.Context())
	pub, err := linkage.Publish(ctx, p.TransmitterConfig(), linkage.Slice(w.signals))
	require.NoError(t, err)
	tConn, rConn := linkagetest.Pipe()
	return run(ctx, tConn, rConn, p.TransmitterConfig(), p.ReceiverConfig(), pub, linkage.Slice(w.accounts))
}

func requireJoin(t testing.TB, w *world, o outcome) {
	t.Helper()
	require.NoError(t, o.errTransmit)
	require.NoError(t, o.errReceiver)
	want := linkagetest.Join(w.accounts, w.signals)
	require.Equal(t, len(want), len(o.matches))
	for i := range want {
		require.Equal(t, want[i].Account, o.matches[i].Account)
		require.Equal(t, len(want[i].Signals), len(o.matches[i].Signals), want[i].Account)
		for j, s := range want[i].Signals {
			got := o.matches[i].Signals[j]
			require.Equal(t, s.ID, got.ID)
			require.Equal(t, s.Sequence, got.Sequence)
			require.Equal(t, s.Kinds, got.Kinds)
			require.Equal(t, s.Places, got.Places)
			require.Equal(t, string(s.Label), string(got.Label))
		}
	}
}

// A session finds what the plain intersection finds, whatever the sizes.
func TestSessionEqualsThePlainIntersection(t *testing.T) {
	eachProtocol(t, testSessionEqualsThePlainIntersection)
}

func testSessionEqualsThePlainIntersection(t *testing.T, under func(*linkage.Agreement)) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 0))
	p := linkagetest.NewParties(under, func(a *linkage.Agreement) { a.Limits.SignalsPerIdentifier = 256 })
	sizes := [][3]int{{0, 0, 1}, {0, 5, 3}, {5, 0, 3}, {1, 1, 1}, {1, 1, 2}, {30, 30, 5}, {700, 90, 1500}, {900, 20, 6000}}
	for range map[bool]int{false: 12, true: 4}[testing.Short()] {
		sizes = append(sizes, [3]int{r.IntN(60), r.IntN(60), 1 + r.IntN(90)})
	}
	matched := 0
	for _, s := range sizes {
		w := newWorld(t, r, s[0], s[1], s[2])
		o := runPlain(t, p, w)
		requireJoin(t, w, o)
		matched += len(o.matches)
		require.Equal(t, len(w.accounts), o.receiver.Accounts)
		require.Equal(t, len(w.signals), o.transmitter.Accounts)
		require.Equal(t, o.receiver.Records, o.transmitter.Records)
		require.Equal(t, o.receiver.Identifiers, o.transmitter.Identifiers)
		require.Equal(t, o.receiver.Sent, o.transmitter.Received)
		require.Equal(t, o.receiver.Received, o.transmitter.Sent)
	}
	require.Positive(t, matched)
}

// What must not change the matches: the order of accounts, of their identifiers
// and of the signals, identifiers given twice, the number of workers, another
// key of the transmitter, another epoch, one publication for several sessions.
func TestMatchesDoNotDependOn(t *testing.T) { eachProtocol(t, testMatchesDoNotDependOn) }

func testMatchesDoNotDependOn(t *testing.T, under func(*linkage.Agreement)) {
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	r := rand.New(rand.NewPCG(seed, 1))
	w := newWorld(t, r, 40, 40, 50)
	p := linkagetest.NewParties(under)
	requireJoin(t, w, runPlain(t, p, w))

	shuffled := &world{append([]linkage.Account{}, w.accounts...), append([]linkage.Flagged{}, w.signals...)}
	r.Shuffle(len(shuffled.accounts), func(i, j int) {
		shuffled.accounts[i], shuffled.accounts[j] = shuffled.accounts[j], shuffled.accounts[i]
	})
	r.Shuffle(len(shuffled.signals), func(i, j int) {
		shuffled.signals[i], shuffled.signals[j] = shuffled.signals[j], shuffled.signals[i]
	})
	for i, a := range shuffled.accounts {
		twice := append(append([]hashing.Identifier{}, a.Identifiers...), a.Identifiers...)
		r.Shuffle(len(twice), func(i, j int) { twice[i], twice[j] = twice[j], twice[i] })
		shuffled.accounts[i].Identifiers = twice
	}
	o := runPlain(t, p, shuffled)
	requireJoin(t, shuffled, o)
	requireJoin(t, w, withoutPlaces(o, w))

	p.Key = hashing.NewKey()
	requireJoin(t, w, runPlain(t, p, w))

	ctx := linkagetest.AllowPlain(t.Context())
	later := p.Agreement.ValidFrom.Add(100 * 24 * time.Hour)
	for _, workers := range []int{1, 2, 7} {
		tc, rc := p.TransmitterConfig(), p.ReceiverConfig()
		tc.Workers, rc.Workers, tc.Now, rc.Now = workers, workers, later, later
		pub, err := linkage.Publish(ctx, tc, linkage.Slice(w.signals))
		require.NoError(t, err)
		tc.Key = hashing.Key{} // needed no more
		var wg sync.WaitGroup
		outcomes := make([]outcome, 3)
		for i := range outcomes {
			wg.Go(func() {
				tConn, rConn := linkagetest.Pipe()
				outcomes[i] = run(ctx, tConn, rConn, tc, rc, pub, linkage.Slice(w.accounts))
			})
		}
		wg.Wait()
		for _, o := range outcomes {
			requireJoin(t, w, o)
			require.Equal(t, uint32(3), o.receiver.Epoch)
		}
	}
}

// withoutPlaces puts the places that another order gives, so that the rest can be
// compared.
func withoutPlaces(o outcome, w *world) outcome {
	for i, m := range linkagetest.Join(w.accounts, w.signals) {
		for j := range m.Signals {
			o.matches[i].Signals[j].Places = m.Signals[j].Places
		}
	}
	return o
}

// Several signals about one identifier, and several identifiers of one signal.
func TestRepeatsAndKinds(t *testing.T) { eachProtocol(t, testRepeatsAndKinds) }

func testRepeatsAndKinds(t *testing.T, under func(*linkage.Agreement)) {
	p := linkagetest.NewParties(under)
	a, b := phone(t, 1), device(t, hashing.InstallID, 2)
	signals := []linkage.Flagged{
		{ID: uuid.UUID{1}, Identifiers: []hashing.Identifier{a, b}, Label: []byte("both")},
		{ID: uuid.UUID{2}, Identifiers: []hashing.Identifier{a}, Label: []byte("phone")},
		{ID: uuid.UUID{3}, Identifiers: []hashing.Identifier{b, b}, Label: []byte("device")},
	}
	w := &world{[]linkage.Account{
		{Ref: "holds both", Identifiers: []hashing.Identifier{b, a}},
		{Ref: "holds the device", Identifiers: []hashing.Identifier{b}},
		{Ref: "holds neither", Identifiers: []hashing.Identifier{phone(t, 3)}},
	}, signals}
	o := runPlain(t, p, w)
	requireJoin(t, w, o)
	require.Len(t, o.matches, 2)
	require.Equal(t, []hashing.Kind{hashing.Phone, hashing.InstallID}, o.matches[0].Signals[0].Kinds)
	require.Equal(t, []hashing.Kind{hashing.InstallID}, o.matches[1].Signals[0].Kinds)
	require.Equal(t, 4, o.receiver.Records)
}

func TestSessionOverTLS(t *testing.T) { eachProtocol(t, testSessionOverTLS) }

func testSessionOverTLS(t *testing.T, under func(*linkage.Agreement)) {
	r := rand.New(rand.NewPCG(1, 2))
	w := newWorld(t, r, 50, 50, 60)
	p := linkagetest.NewParties(under)
	server, client := linkagetest.TLS()
	pub, err := linkage.Publish(t.Context(), p.TransmitterConfig(), linkage.Slice(w.signals))
	require.NoError(t, err)
	tConn, rConn := linkagetest.Pipe()
	o := run(t.Context(), tls.Server(tConn, server), tls.Client(rConn, client), p.TransmitterConfig(), p.ReceiverConfig(), pub, linkage.Slice(w.accounts))
	requireJoin(t, w, o)
}

// A connection without TLS, with an older TLS or without the client's
// certificate is refused before anything is said on it.
func TestTransportIsRequired(t *testing.T) {
	w := newWorld(t, rand.New(rand.NewPCG(1, 3)), 3, 3, 3)
	p := linkagetest.NewParties()
	pub, err := linkage.Publish(t.Context(), p.TransmitterConfig(), linkage.Slice(w.signals))
	require.NoError(t, err)

	tConn, rConn := linkagetest.Pipe()
	record := &linkagetest.Recorder{Conn: rConn}
	o := run(t.Context(), tConn, record, p.TransmitterConfig(), p.ReceiverConfig(), pub, linkage.Slice(w.accounts))
	require.ErrorIs(t, o.errReceiver, linkage.ErrTransport)
	require.ErrorIs(t, o.errTransmit, linkage.ErrTransport)
	require.Empty(t, record.Sent())

	for name, spoil := range map[string]func(server, client *tls.Config){
		"TLS 1.2": func(server, client *tls.Config) {
			server.MinVersion, client.MinVersion = tls.VersionTLS12, tls.VersionTLS12
			server.MaxVersion = tls.VersionTLS12
		},
		"no client certificate": func(server, client *tls.Config) {
			server.ClientAuth, client.Certificates = tls.NoClientCert, nil
		},
	} {
		server, client := linkagetest.TLS()
		spoil(server, client)
		tConn, rConn := linkagetest.Pipe()
		o := run(t.Context(), tls.Server(tConn, server), tls.Client(rConn, client), p.TransmitterConfig(), p.ReceiverConfig(), pub, linkage.Slice(w.accounts))
		require.ErrorIs(t, o.errTransmit, linkage.ErrTransport, name)
		require.Error(t, o.errReceiver, name)
		require.Nil(t, o.matches)
	}
}

// optOuts is a register of who has opted out, and of what it was asked.
type optOuts struct {
	out   map[string]bool
	asked []linkage.Purpose
	err   error
}

func (o *optOuts) OptedOut(_ context.Context, account string, purpose linkage.Purpose) (bool, error) {
	o.asked = append(o.asked, purpose)
	return o.out[account], o.err
}

func TestOptOut(t *testing.T) { eachProtocol(t, testOptOut) }

func testOptOut(t *testing.T, under func(*linkage.Agreement)) {
	a, b := phone(t, 1), phone(t, 2)
	accounts := []linkage.Account{{Ref: "in", Identifiers: []hashing.Identifier{a}}, {Ref: "out", Identifiers: []hashing.Identifier{a, b}}}
	signals := []linkage.Flagged{
		{Ref: "flagged in", ID: uuid.UUID{1}, Identifiers: []hashing.Identifier{a}},
		{Ref: "flagged out", ID: uuid.UUID{2}, Identifiers: []hashing.Identifier{b, a}},
	}
	session := func(purpose linkage.Purpose, transmitter, receiver linkage.OptOutRegister) (outcome, error) {
		p := linkagetest.NewParties(under, func(a *linkage.Agreement) { a.Purpose = purpose })
		tc, rc := p.TransmitterConfig(), p.ReceiverConfig()
		tc.OptOut, rc.OptOut = transmitter, receiver
		ctx := linkagetest.AllowPlain(t.Context())
		pub, err := linkage.Publish(ctx, tc, linkage.Slice(signals))
		if err != nil {
			return outcome{}, err
		}
		tConn, rConn := linkagetest.Pipe()
		return run(ctx, tConn, rConn, tc, rc, pub, linkage.Slice(accounts)), nil
	}
	for _, purpose := range []linkage.Purpose{linkage.Security, linkage.FraudAndAbusePrevention} {
		register := &optOuts{out: map[string]bool{"out": true, "flagged out": true}}
		o, err := session(purpose, register, register)
		require.NoError(t, err)
		require.NoError(t, o.errReceiver)
		require.Len(t, o.matches, 2, "security is for everybody")
		require.Empty(t, register.asked, "and the register is not even asked")
		require.Zero(t, o.receiver.OptedOut)
	}
	for _, purpose := range []linkage.Purpose{linkage.Advertising, linkage.Product, linkage.FriendSuggestion, linkage.Analytics} {
		register := &optOuts{out: map[string]bool{"out": true, "flagged out": true}}
		o, err := session(purpose, register, register)
		require.NoError(t, err)
		require.NoError(t, o.errReceiver)
		require.Len(t, o.matches, 1)
		require.Equal(t, "in", o.matches[0].Account)
		require.Len(t, o.matches[0].Signals, 1)
		require.Equal(t, 1, o.receiver.OptedOut)
		require.Equal(t, 1, o.transmitter.OptedOut)
		require.Equal(t, 1, o.receiver.Identifiers, "the other identifier is not even enrolled")
		for _, asked := range register.asked {
			require.Equal(t, purpose, asked)
		}

		_, err = session(purpose, nil, &optOuts{})
		require.ErrorIs(t, err, linkage.ErrInput, "no register is an error")
		o, err = session(purpose, &optOuts{}, nil)
		require.NoError(t, err)
		require.ErrorIs(t, o.errReceiver, linkage.ErrInput)

		broken := errors.New("register is down")
		_, err = session(purpose, &optOuts{err: broken}, &optOuts{})
		require.ErrorIs(t, err, broken)
		o, err = session(purpose, &optOuts{}, &optOuts{err: broken})
		require.NoError(t, err)
		require.ErrorIs(t, o.errReceiver, broken)
	}
}

func TestKindsOutsideTheAgreementAreSkippedAndCounted(t *testing.T) {
	eachProtocol(t, testKindsOutsideTheAgreementAreSkippedAndCounted)
}

func testKindsOutsideTheAgreementAreSkippedAndCounted(t *testing.T, under func(*linkage.Agreement)) {
	p := linkagetest.NewParties(under, func(a *linkage.Agreement) {
		a.Kinds, a.SameVendor = []hashing.Kind{hashing.Phone}, false
	})
	both := []hashing.Identifier{phone(t, 1), device(t, hashing.InstallID, 1)}
	o := runPlain(t, p, &world{
		[]linkage.Account{{Ref: "a", Identifiers: both}},
		[]linkage.Flagged{{ID: uuid.UUID{1}, Identifiers: both}},
	})
	require.NoError(t, o.errReceiver)
	require.Equal(t, []hashing.Kind{hashing.Phone}, o.matches[0].Signals[0].Kinds)
	require.Equal(t, map[hashing.Kind]int{hashing.InstallID: 1}, o.receiver.Skipped)
	require.Equal(t, map[hashing.Kind]int{hashing.InstallID: 1}, o.transmitter.Skipped)
}

func TestProgressReachesTheEnd(t *testing.T) { eachProtocol(t, testProgressReachesTheEnd) }

func testProgressReachesTheEnd(t *testing.T, under func(*linkage.Agreement)) {
	p := linkagetest.NewParties(under)
	w := &world{signals: []linkage.Flagged{{ID: uuid.UUID{1}, Identifiers: []hashing.Identifier{phone(t, 1)}}}}
	for i := range uint64(2500) {
		w.accounts = append(w.accounts, linkage.Account{Ref: fmt.Sprint(i), Identifiers: []hashing.Identifier{device(t, hashing.InstallID, i)}})
	}
	ctx := linkagetest.AllowPlain(t.Context())
	tc, rc := p.TransmitterConfig(), p.ReceiverConfig()
	var last, lastT linkage.Progress
	steps := 0
	rc.Progress = func(p linkage.Progress) { last = p; steps++ }
	tc.Progress = func(p linkage.Progress) { lastT = p }
	pub, err := linkage.Publish(ctx, tc, linkage.Slice(w.signals))
	require.NoError(t, err)
	tConn, rConn := linkagetest.Pipe()
	o := run(ctx, tConn, rConn, tc, rc, pub, linkage.Slice(w.accounts))
	require.NoError(t, o.errReceiver)
	require.Equal(t, last, lastT)
	if p.Agreement.Protocol == linkage.ProtocolVOLE { // there the records come last
		require.Equal(t, linkage.Progress{Round: "records", Done: 1, Total: 1}, last)
		require.Equal(t, 1+1, steps, "one chunk, one of records")
		return
	}
	require.Equal(t, linkage.Progress{Round: "enrolment", Done: 2500, Total: 2500}, last)
	require.Equal(t, 1+3, steps, "one of records, three chunks")
}

// settled waits until as many goroutines are left as before, or fails.
func settled(t testing.TB, before int) {
	t.Helper()
	for range 5000 {
		if runtime.NumGoroutine() <= before {
			return
		}
		time.Sleep(time.Millisecond)
	}
	require.LessOrEqual(t, runtime.NumGoroutine(), before, "goroutines are left")
}
