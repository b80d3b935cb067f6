package linkage

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"time"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage/internal/oprf"
	"github.com/hueandcry/hueandcry/linkage/internal/testhook"
)

// The messages of a session, in the order in which they are due:
//
//	receiver                         transmitter
//	  hello            ->
//	                   <-   hello, public key, signature
//	  signature, sizes ->
//	                   <-   number of records, a base for each kind
//	                   <-   records, sorted by tag                  (several)
//	  blinded chunk    ->
//	                   <-   evaluated chunk, proof                  (several, pipelined)
//	                   <-   done
//	  done             ->
//
// Either side may send a leave frame instead and end the session.
const (
	msgHello      byte = 1
	msgWelcome    byte = 2
	msgEnrol      byte = 3
	msgAccept     byte = 4
	msgRecords    byte = 5
	msgBlinded    byte = 6
	msgEvaluated  byte = 7
	msgDone       byte = 8
	protocolEC    byte = 1
	wireVersion   byte = 2
	protocolVOLE  byte = 2 // see bulk.go
	nonceSize          = 32
	maxRules           = 32
	chunkSize          = 1000 // identifiers in a chunk: one proof for all of them
	countSize          = 8
	baseSize           = oprf.ElementSize + oprf.ProofSize
	signatureSize      = ed25519.SignatureSize
)

var magic = [3]byte{'H', '&', 'C'}

// hello says who speaks, under what. Both sides send one; everything in it must
// agree but the role and the nonce.
type hello struct {
	role      Role
	protocol  byte
	agreement [32]byte
	epoch     uint32
	nonce     [nonceSize]byte
	rules     string
}

const helloFixed = 3 + 1 + 1 + 1 + 32 + 4 + nonceSize + 1

func (h *hello) encode() []byte {
	b := append(make([]byte, 0, helloFixed+len(h.rules)), magic[:]...)
	b = append(b, wireVersion, byte(h.role), h.protocol)
	b = append(b, h.agreement[:]...)
	b = binary.BigEndian.AppendUint32(b, h.epoch)
	b = append(b, h.nonce[:]...)
	b = append(b, byte(len(h.rules)))
	return append(b, h.rules...)
}

// parseHello reads the hello at the start of b and returns what follows it. A
// later version may have another form from its fourth byte on: so the version is
// judged first.
func parseHello(b []byte) (h hello, rest []byte, err error) {
	if len(b) < 4 || !bytes.Equal(b[:3], magic[:]) {
		return hello{}, nil, ErrFrame
	}
	if b[3] != wireVersion {
		return hello{}, nil, ErrVersion
	}
	if len(b) < helloFixed {
		return hello{}, nil, ErrFrame
	}
	h.role, h.protocol = Role(b[4]), b[5]
	copy(h.agreement[:], b[6:38])
	h.epoch = binary.BigEndian.Uint32(b[38:42])
	copy(h.nonce[:], b[42:42+nonceSize])
	n := int(b[helloFixed-1])
	if n > maxRules || len(b) < helloFixed+n {
		return hello{}, nil, ErrFrame
	}
	h.rules = string(b[helloFixed : helloFixed+n])
	return h, b[helloFixed+n:], nil
}

// agrees says in what the peer's hello differs from ours: the first difference,
// in the order in which it helps whoever has to find it.
func (h *hello) agrees(peer *hello) error {
	switch {
	case peer.role != h.role.peer():
		return ErrRole
	case peer.protocol != h.protocol:
		return ErrProtocol
	case peer.rules != h.rules:
		return ErrNormalisation
	case peer.agreement != h.agreement:
		return ErrAgreement
	case peer.epoch != h.epoch:
		return ErrEpoch
	}
	return nil
}

// session is what both sides hold once it is prepared.
type session struct {
	cfg    Config
	role   Role
	ch     *channel
	hooks  testhook.Hooks
	digest [32]byte
	epoch  uint32
	scope  scope
	hello  hello
	frame  []byte         // the last one of a chunk, for its memory
	coin   [coinSize]byte // of a receiver in bulk, who commits to it with its nonce
	sum    Summary
	lapped time.Time // when the stage began that is under way
}

func newSession(cfg Config, role Role, epoch uint32) *session {
	s := &session{cfg: cfg, role: role, digest: cfg.Agreement.Digest(), epoch: epoch, lapped: time.Now()}
	s.scope = newScope(s.digest, epoch)
	s.sum = Summary{Epoch: epoch, Skipped: map[hashing.Kind]int{}, Stages: map[string]time.Duration{}}
	return s
}

// The stages of which a summary gives the time, beside the rounds of a session.
const (
	stageCollect = "collect"
	stageSeal    = "seal"
	stageLookup  = "lookup"
)

// lap adds the time since the last lap, or the start, to that of a stage.
func (s *session) lap(stage string) {
	now := time.Now()
	s.sum.Stages[stage] += now.Sub(s.lapped)
	s.lapped = now
}

// inBulk reports whether the session enrols as in bulk.go.
func (s *session) inBulk() bool { return s.cfg.Agreement.Protocol == ProtocolVOLE }

// over runs the rounds of a session over a connection and closes it. Whatever
// goes wrong, the peer is told, and nothing is left running.
func (s *session) over(ctx context.Context, conn net.Conn, run func(context.Context) (round string, err error)) error {
	s.hooks = testhook.From(ctx)
	defer func() { _ = conn.Close() }()
	ch, unwatch, err := connect(ctx, conn, s.cfg.IdleTimeout)
	defer unwatch()
	if err != nil {
		return err
	}
	s.ch = ch
	protocol := protocolEC
	if s.inBulk() {
		protocol = protocolVOLE
	}
	s.hello = hello{role: s.role, protocol: protocol, agreement: s.digest, epoch: s.epoch, rules: s.cfg.Agreement.Normalisation}
	if _, err := io.ReadFull(s.hooks.Reader("nonce/"+s.role.String(), 0), s.hello.nonce[:]); err != nil {
		return &Error{Code: ErrInternal, Round: roundSetup, cause: err}
	}
	if s.inBulk() && s.role == Receiver {
		s.coin, s.hello.nonce = s.hello.nonce, commitNonce(s.hello.nonce[:])
	}
	if round, err := run(ctx); err != nil {
		e := failure(ctx, round, err)
		ch.leave(e)
		return e
	}
	s.sum.Sent, s.sum.Received = ch.sent.Load(), ch.received.Load()
	return nil
}

// info is the public input of the POPRF: agreement, epoch and kind. It makes
// tags of other agreements, epochs and kinds unrelated.
func (s *session) info(kind hashing.Kind) []byte {
	b := append([]byte("hueandcry/ec/v2\x00"), s.scope[:]...)
	return append(b, byte(kind))
}

// transcript is what both sides sign: the two hellos and the transmitter's key,
// bound to the TLS connection. Nonces make it new each time, so that nothing
// signed before, or with anybody else, fits.
func (s *session) transcript(receiver, transmitter, public []byte) []byte {
	h := sha256.New()
	for _, part := range [][]byte{receiver, transmitter, public, s.ch.binding} {
		var n [8]byte
		binary.BigEndian.PutUint64(n[:], uint64(len(part)))
		h.Write(n[:])
		h.Write(part)
	}
	return h.Sum(nil)
}

const openingLabel = "hueandcry/opening/v1/"

func (s *session) sign(transcript []byte) ([]byte, error) {
	sig, err := s.cfg.Signer.Sign(nil, append([]byte(openingLabel+s.role.String()+"\x00"), transcript...), crypto.Hash(0))
	if err == nil && len(sig) != signatureSize {
		err = fmt.Errorf("a signature of %d bytes", len(sig))
	}
	if err != nil {
		return nil, &Error{Code: ErrInput, cause: err}
	}
	return sig, nil
}

func (s *session) checkPeer(transcript, sig []byte) error {
	peer := s.role.peer()
	signed := append([]byte(openingLabel+peer.String()+"\x00"), transcript...)
	if !ed25519.Verify(s.cfg.Agreement.party(peer).Key, signed, sig) {
		return ErrPeer
	}
	return nil
}

// openReceiver says hello, checks the transmitter, and answers with the sizes. It gives
// the transmitter's public key, which has the given length, and the transcript.
func (s *session) openReceiver(keySize int, sizes []byte) (public, transcript []byte, err error) {
	mine := s.hello.encode()
	if err := s.ch.write(msgHello, mine); err != nil {
		return nil, nil, err
	}
	body, err := s.ch.read(msgWelcome, helloFixed+maxRules+keySize+signatureSize)
	if err != nil {
		return nil, nil, err
	}
	peer, rest, err := parseHello(body)
	if err != nil {
		return nil, nil, err
	}
	if err := s.hello.agrees(&peer); err != nil {
		return nil, nil, err
	}
	if len(rest) != keySize+signatureSize {
		return nil, nil, ErrFrame
	}
	public, sig := rest[:keySize], rest[keySize:]
	transcript = s.transcript(mine, body[:len(body)-len(rest)], public)
	if err := s.checkPeer(transcript, sig); err != nil {
		return nil, nil, err
	}
	mySig, err := s.sign(transcript)
	if err != nil {
		return nil, nil, err
	}
	return public, transcript, s.ch.write(msgEnrol, mySig, sizes)
}

// announced is what the receiver has said in the opening.
type announced struct {
	peer       hello
	transcript []byte
	sizes      []byte
}

// openTransmitter answers the receiver's hello, checks the receiver and gives what it
// announced, of which the sizes have the given length.
func (s *session) openTransmitter(public []byte, sizes int) (a announced, err error) {
	theirs, err := s.ch.read(msgHello, helloFixed+maxRules)
	if err != nil {
		return a, err
	}
	peer, rest, err := parseHello(theirs)
	if err != nil {
		return a, err
	}
	if err := s.hello.agrees(&peer); err != nil {
		return a, err
	}
	if len(rest) != 0 {
		return a, ErrFrame
	}
	mine := s.hello.encode()
	transcript := s.transcript(theirs, mine, public)
	sig, err := s.sign(transcript)
	if err != nil {
		return a, err
	}
	if err := s.ch.write(msgWelcome, mine, public, sig); err != nil {
		return a, err
	}
	body, err := s.ch.read(msgEnrol, signatureSize+sizes)
	if err != nil {
		return a, err
	}
	if len(body) != signatureSize+sizes {
		return a, ErrFrame
	}
	return announced{peer, transcript, body[signatureSize:]}, s.checkPeer(transcript, body[:signatureSize])
}

// limit returns the error for a figure above a cap of the agreement.
func limit(name string, got, most int64) error {
	if got > most {
		return &Error{Code: ErrLimit, cause: &LimitError{name, most, got}}
	}
	return nil
}

func (s *session) progress(ctx context.Context, round string, done, total int) {
	if s.cfg.Progress != nil && ctx.Err() == nil {
		s.cfg.Progress(Progress{round, done, total})
	}
}
