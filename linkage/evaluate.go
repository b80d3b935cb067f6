package linkage

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ed25519"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage/internal/oprf"
	"github.com/hueandcry/hueandcry/linkage/internal/testhook"
)

// Identifiers that come one by one are enrolled under the live generation by one question and
// one answer, whose bodies are
//
//	opening = "H&C-E" ‖ version (1) ‖ scope (36) ‖ public key (32) ‖ base and proof (96) for each kind ‖ signature (64)
//	request = version (1) ‖ groups of: kind (1) ‖ n (2) ‖ n blinded elements (32 each)
//	answer  = version (1) ‖ for each group of the request: n evaluated elements ‖ proof (64)
//
// The transmitter signs "hueandcry/evaluator/v1" ‖ 0 ‖ all before the signature with Ed25519.
// Kinds ascend. The function is that of protocol "ec", and each group one of its chunks.
const (
	evaluationVersion = 1
	openingPrefix     = 5 + 1 + len(scope{}) + oprf.ElementSize
	groupHead         = 1 + 2

	evaluatorLabel = "hueandcry/evaluator/v1\x00"
)

var openingMagic = []byte("H&C-E")

// MaxEvaluation is the most identifiers of one request.
const MaxEvaluation = 1000

// group is the identifiers of one kind in a request.
type group struct {
	kind     hashing.Kind
	elements []byte
}

func (g *group) len() int { return len(g.elements) / oprf.ElementSize }

// parseRequest cuts a request and counts its identifiers.
func parseRequest(a *Agreement, request []byte) (groups []group, n int, err error) {
	switch {
	case len(request) < 1:
		return nil, 0, &Error{Code: ErrFrame}
	case request[0] != evaluationVersion:
		return nil, 0, &Error{Code: ErrVersion}
	case len(request) > 1+len(a.Kinds)*groupHead+MaxEvaluation*oprf.ElementSize:
		return nil, 0, limit("MaxEvaluation", int64(len(request)/oprf.ElementSize), MaxEvaluation)
	}
	last := hashing.Kind(0)
	for rest := request[1:]; len(rest) > 0; {
		if len(rest) < groupHead {
			return nil, 0, &Error{Code: ErrFrame}
		}
		g := group{kind: hashing.Kind(rest[0])}
		size := int(binary.BigEndian.Uint16(rest[1:])) * oprf.ElementSize
		rest = rest[groupHead:]
		if size == 0 || size > len(rest) || g.kind <= last || a.Admits(g.kind) != nil {
			return nil, 0, &Error{Code: ErrFrame}
		}
		g.elements, rest, last = rest[:size], rest[size:], g.kind
		groups = append(groups, g)
		n += g.len()
	}
	if n == 0 {
		return nil, 0, &Error{Code: ErrFrame}
	}
	return groups, n, limit("MaxEvaluation", int64(n), MaxEvaluation)
}

// Evaluator answers blinded identifiers under the live generation of an epoch: it is the
// transmitter's side of sign-ups. It learns how many there are of each kind, and nothing
// else. It asks for no budget, which is its caller's to keep. It is safe for concurrent use,
// prints nothing of the key, and its zero value cannot be used.
type Evaluator struct {
	of func() *evaluator // behind a function, so that no dump of the value shows the key
}

type evaluator struct {
	*session
	live    live
	opening []byte
}

// NewEvaluator makes the evaluator of the epoch that cfg.Now is in. It needs cfg.Key.
func NewEvaluator(cfg Config) (*Evaluator, error) { return newEvaluator(context.Background(), cfg) }

func newEvaluator(ctx context.Context, cfg Config) (*Evaluator, error) {
	cfg, epoch, err := cfg.prepare(Transmitter)
	if err != nil {
		return nil, err
	}
	if err := cfg.needsKey(); err != nil {
		return nil, err
	}
	e := &evaluator{session: newSession(cfg, Transmitter, epoch)}
	e.hooks = testhook.From(ctx)
	if e.live, err = e.session.live(); err != nil {
		return nil, err
	}
	bases, err := e.bases(&e.live)
	if err != nil {
		return nil, err
	}
	o := append(append([]byte(nil), openingMagic...), evaluationVersion)
	o = append(append(append(o, e.scope[:]...), e.live.public...), bases...)
	sig, err := cfg.Signer.Sign(nil, append([]byte(evaluatorLabel), o...), crypto.Hash(0))
	if err == nil && len(sig) != signatureSize {
		err = fmt.Errorf("a signature of %d bytes", len(sig))
	}
	if err != nil {
		return nil, &Error{Code: ErrInput, cause: err}
	}
	e.opening = append(o, sig...)
	return &Evaluator{of: func() *evaluator { return e }}, nil
}

// Opening is what a [Blinder] is made from: it is public, and the same as long as the
// evaluator lives.
func (e *Evaluator) Opening() []byte { return bytes.Clone(e.of().opening) }

// Count gives the number of identifiers in a request, 1 to [MaxEvaluation], and computes
// nothing: it is what the budget is asked for. Errors are [*Error]: [ErrFrame],
// [ErrVersion], [ErrLimit].
func (e *Evaluator) Count(request []byte) (int, error) {
	_, n, err := parseRequest(e.of().cfg.Agreement, request)
	if err != nil {
		return 0, err
	}
	return n, nil
}

// Evaluate answers a request: about 220 microseconds for each kind in it and 20 for each
// identifier. Errors are [*Error]: those of Count, [ErrElement] for what is no group
// element, [ErrCanceled].
func (e *Evaluator) Evaluate(ctx context.Context, request []byte) ([]byte, error) {
	o := e.of()
	groups, n, err := parseRequest(o.cfg.Agreement, request)
	if err != nil {
		return nil, err
	}
	out := make([]byte, 1, 1+n*oprf.ElementSize+len(groups)*oprf.ProofSize)
	out[0] = evaluationVersion
	hooks := testhook.From(ctx)
	for i := range groups {
		if ctx.Err() != nil {
			return nil, failure(ctx, "", context.Cause(ctx))
		}
		elements, proof, err := o.live.servers[groups[i].kind].BlindEvaluate(hooks.Reader("proof", uint32(i)), groups[i].elements)
		if err != nil {
			return nil, failure(ctx, "", err)
		}
		out = append(append(out, elements...), proof...)
	}
	return out, nil
}

// Blinder asks an [Evaluator]: it is the receiver's side of sign-ups. It is safe for
// concurrent use; the zero value cannot be used.
type Blinder struct {
	of func() *blinder // behind a function, so that no dump of the value shows the Signer's key
}

type blinder struct {
	*session
	clients map[hashing.Kind]*oprf.Client
	key     [32]byte
}

// NewBlinder makes the blinder of an epoch, whatever cfg.Now is, from an evaluator's opening,
// which it verifies. Errors are [*Error]: [ErrFrame], [ErrVersion], [ErrAgreement] or
// [ErrEpoch] for another's opening, [ErrPeer] if it is not signed by the transmitter,
// [ErrElement], [ErrProof].
func NewBlinder(cfg Config, epoch uint32, opening []byte) (*Blinder, error) {
	if cfg.Agreement != nil {
		cfg.Now = cfg.Agreement.EpochStart(epoch)
	}
	cfg, epoch, err := cfg.prepare(Receiver)
	if err != nil {
		return nil, err
	}
	s := newSession(cfg, Receiver, epoch)
	switch size := openingPrefix + len(cfg.Agreement.Kinds)*baseSize + signatureSize; {
	case len(opening) < 6 || !bytes.Equal(opening[:5], openingMagic):
		return nil, &Error{Code: ErrFrame}
	case opening[5] != evaluationVersion:
		return nil, &Error{Code: ErrVersion}
	case len(opening) < openingPrefix:
		return nil, &Error{Code: ErrFrame}
	case !bytes.Equal(opening[6:][:len(s.digest)], s.digest[:]):
		return nil, &Error{Code: ErrAgreement}
	case !bytes.Equal(opening[6:][:len(s.scope)], s.scope[:]):
		return nil, &Error{Code: ErrEpoch}
	case len(opening) != size:
		return nil, &Error{Code: ErrFrame}
	}
	signed, sig := opening[:len(opening)-signatureSize], opening[len(opening)-signatureSize:]
	if !ed25519.Verify(cfg.Agreement.Transmitter.Key, append([]byte(evaluatorLabel), signed...), sig) {
		return nil, &Error{Code: ErrPeer}
	}
	public := signed[openingPrefix-oprf.ElementSize : openingPrefix]
	clients, err := s.liveClients(public, signed[openingPrefix:])
	if err != nil {
		return nil, failure(context.Background(), "", err)
	}
	b := &blinder{s, clients, publicKeyDigest(&s.scope, public)}
	return &Blinder{of: func() *blinder { return b }}, nil
}

// PublicKeyDigest names the key that the opening has, SHA-256 of the epoch and it. It must be the same for
// all openings of an epoch and be the LiveKey of all batches: who finds another has a
// transmitter that lost its key or gives different receivers different ones, and two openings that it signed as proof.
func (b *Blinder) PublicKeyDigest() [32]byte { return b.of().key }

// Blinding is a request under way. It prints nothing of what is asked for, and is not for use
// by several goroutines at once.
type Blinding struct {
	request []byte
	of      func() *blinding // behind a function, so that no dump of the value shows the identifiers
}

type blinding struct {
	clients map[hashing.Kind]*oprf.Client
	groups  []blindedGroup
	items   []item
	used    bool
}

type blindedGroup struct {
	kind   hashing.Kind
	places []int // among the identifiers given
	state  *oprf.Blinded
}

// Blind blinds 1 to [MaxEvaluation] identifiers, at about 30 microseconds each. It is for purposes that
// nobody can opt out of: under any other it does not know whom to ask about, and gives an [*Error]
// with [ErrInput]; [Blinder.BlindFor] is for all. Kinds outside the agreement give a [*KindError],
// none, too many or a zero identifier an [*Error] with [ErrInput].
func (b *Blinder) Blind(ctx context.Context, ids []hashing.Identifier) (*Blinding, error) {
	if err := b.of().anonymous(); err != nil {
		return nil, err
	}
	return b.blind(ctx, ids)
}

// BlindFor blinds the identifiers of accounts, in their order, and asks the opt-out register about each
// account first, where the purpose is one that users can opt out of. One that has opted out gives an
// [*Error] with [ErrInput] and [ErrOptedOut], and nothing is blinded. Otherwise it is as [Blinder.Blind].
func (b *Blinder) BlindFor(ctx context.Context, accounts []Account) (*Blinding, error) {
	var ids []hashing.Identifier
	for _, a := range accounts {
		if err := b.of().allowed(ctx, a.Ref); err != nil {
			return nil, err
		}
		ids = append(ids, a.Identifiers...)
	}
	return b.blind(ctx, ids)
}

func (b *Blinder) blind(ctx context.Context, ids []hashing.Identifier) (*Blinding, error) {
	if len(ids) < 1 || len(ids) > MaxEvaluation {
		return nil, &Error{Code: ErrInput, cause: fmt.Errorf("not from 1 to %d identifiers", MaxEvaluation)}
	}
	asks := b.of()
	o := &blinding{clients: asks.clients, items: make([]item, len(ids))}
	places := map[hashing.Kind][]int{}
	for i, id := range ids {
		if id.IsZero() {
			return nil, &Error{Code: ErrInput, cause: errors.New("a zero identifier")}
		}
		if err := asks.cfg.Agreement.Admits(id.Kind()); err != nil {
			return nil, err
		}
		places[id.Kind()] = append(places[id.Kind()], i)
	}
	hashing.Digests(o.items, ids, asks.digest)
	request := []byte{evaluationVersion}
	hooks := testhook.From(ctx)
	for _, k := range asks.cfg.Agreement.Kinds {
		if len(places[k]) == 0 {
			continue
		}
		inputs := make([][]byte, len(places[k]))
		for i, at := range places[k] {
			inputs[i] = o.items[at][:]
		}
		state, err := asks.clients[k].Blind(hooks.Reader("blind", uint32(len(o.groups))), inputs)
		if err != nil {
			return nil, &Error{Code: ErrInternal, cause: err}
		}
		request = binary.BigEndian.AppendUint16(append(request, byte(k)), uint16(len(inputs)))
		request = append(request, state.Request()...)
		o.groups = append(o.groups, blindedGroup{k, places[k], state})
	}
	return &Blinding{request, func() *blinding { return o }}, nil
}

// Request is what is sent to the evaluator.
func (b *Blinding) Request() []byte { return slices.Clone(b.request) }

// Finish checks the answer and gives what to keep, in the order of the identifiers. It can be
// called once: after an answer that was refused the identifiers are blinded anew. Errors are
// [*Error]: [ErrFrame], [ErrVersion], [ErrElement], and [ErrProof] if the answer is not for
// this request under the opening's key.
func (b *Blinding) Finish(answer []byte, k *Keeper) ([]Kept, error) {
	o, keep := b.of(), k.of()
	if o.used {
		panic("linkage: the request is used up")
	}
	o.used = true
	defer func() { clear(o.items) }()
	size := 1 + len(o.items)*oprf.ElementSize + len(o.groups)*oprf.ProofSize
	switch {
	case len(answer) < 1:
		return nil, &Error{Code: ErrFrame}
	case answer[0] != evaluationVersion:
		return nil, &Error{Code: ErrVersion}
	case len(answer) != size:
		return nil, &Error{Code: ErrFrame}
	}
	out := make([]Kept, len(o.items))
	rest := answer[1:]
	for _, g := range o.groups {
		n := len(g.places) * oprf.ElementSize
		outputs, err := o.clients[g.kind].Finalize(g.state, rest[:n], rest[n:][:oprf.ProofSize])
		if err != nil {
			return nil, failure(context.Background(), "", err)
		}
		rest = rest[n+oprf.ProofSize:]
		for i, at := range g.places {
			keep.keep(&out[at], (*prf)(outputs[i][:]))
			out[at].Token = keep.itemToken(&o.items[at])
		}
		clear(outputs)
	}
	return out, nil
}
