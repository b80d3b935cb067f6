package linkage

import (
	"encoding/hex"
	"time"

	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage/internal/oprf"
)

// GenerationID names one function under which identifiers were enrolled: its tags fit its
// own records and no others. It is public. The zero GenerationID names none.
//
// There are two sorts. The live generation of an epoch is the function that an [Evaluator]
// answers for: any number of times, for one identifier or more. A base generation is
// that of one bulk session, whose receiver enrolled all it ever will. Under "ec" the
// sessions of an epoch are of its live generation.
//
// The name of a live generation is known before its key: that the transmitter has one key
// all through the epoch is seen from [Blinder.PublicKeyDigest] and [BatchHeader].LiveKey.
type GenerationID [16]byte

// LiveGeneration gives the live generation of an epoch. It panics on an agreement that
// Validate refuses.
func LiveGeneration(a *Agreement, epoch uint32) GenerationID {
	s := newScope(a.Digest(), epoch)
	return liveGeneration(&s)
}

func liveGeneration(s *scope) GenerationID {
	sum := labelled("hueandcry/generation/live/v1\x00", s[:])
	return GenerationID(sum[:16])
}

func baseGeneration(s *scope, coin *[32]byte) GenerationID {
	sum := labelled("hueandcry/generation/base/v1\x00", s[:], coin[:])
	return GenerationID(sum[:16])
}

// FeedID names a feed: what a transmitter says, in one epoch, to whoever has enrolled
// under its generations. It is public, and both sides compute it.
type FeedID [16]byte

// NewFeedID gives the feed of an agreement and epoch whose records have a slot for each
// of the generations, the live one first. It panics on an agreement that Validate refuses.
func NewFeedID(a *Agreement, epoch uint32, g []GenerationID) FeedID {
	s := newScope(a.Digest(), epoch)
	return feedID(&s, g)
}

func feedID(s *scope, g []GenerationID) FeedID {
	parts := [][]byte{s[:]}
	for i := range g {
		parts = append(parts, g[i][:])
	}
	sum := labelled("hueandcry/feed/v1\x00", parts...)
	return FeedID(sum[:16])
}

// Ratchet gives the key of the next epoch from that of this one, which can then be
// erased: it cannot be found from the next. A service that ratchets has no key from which
// all epochs come, and gives the epoch's own as [Config.Key]. It panics on the zero Key.
func Ratchet(key hashing.Key) hashing.Key { return key.Derive("linkage/ratchet/v1") }

// EpochStart gives the first moment of an epoch, also of one in which the agreement is no
// longer in force: Config.Now of a session that prepares it.
func (a *Agreement) EpochStart(epoch uint32) time.Time {
	return time.Unix(a.ValidFrom.Unix()+int64(epoch)*int64(a.EpochDays)*24*60*60, 0).UTC()
}

// publicKeyDigest names the key of a live generation: its GenerationID is the same for any key.
func publicKeyDigest(s *scope, public []byte) [32]byte {
	return labelled("hueandcry/live-key/v1\x00", s[:], public)
}

// live is the transmitter's side of the live generation.
type live struct {
	public  []byte
	servers map[hashing.Kind]*oprf.Server
}

// live derives the key of the live generation and tweaks it for each kind.
func (s *session) live() (l live, err error) {
	seed := [32]byte(s.cfg.Key.Secret("linkage/ec/v2/"+hex.EncodeToString(s.scope[:]), 32))
	defer clear(seed[:])
	key, err := oprf.DeriveKey(oprf.ModePOPRF, seed, []byte("hueandcry/ec/v2"))
	if err != nil {
		return l, &Error{Code: ErrInternal, cause: err}
	}
	l = live{key.Public(), map[hashing.Kind]*oprf.Server{}}
	for _, k := range s.cfg.Agreement.Kinds {
		if l.servers[k], err = oprf.NewServer(oprf.ModePOPRF, key, s.info(k)); err != nil {
			return l, &Error{Code: ErrInternal, cause: err}
		}
	}
	return l, nil
}

// evaluate gives the function's value for an item.
func (l *live) evaluate(kind hashing.Kind, x *item) (prf, error) {
	output, err := l.servers[kind].Evaluate(x[:])
	if err != nil {
		return prf{}, &Error{Code: ErrInternal, cause: err}
	}
	defer clear(output[:])
	return prf(output[:len(prf{})]), nil
}

// bases gives, for each kind of the agreement, the generator evaluated, and the proof:
// what spares a receiver two of three multiplications.
func (s *session) bases(l *live) (all []byte, err error) {
	for _, k := range s.cfg.Agreement.Kinds {
		base, proof, err := l.servers[k].Base(s.hooks.Reader("base", uint32(k)))
		if err != nil {
			return nil, &Error{Code: ErrInternal, cause: err}
		}
		all = append(append(all, base...), proof...)
	}
	return all, nil
}

// liveClients are the receiver's side of the live generation: they check what bases gives.
func (s *session) liveClients(public, bases []byte) (map[hashing.Kind]*oprf.Client, error) {
	clients := map[hashing.Kind]*oprf.Client{}
	for i, k := range s.cfg.Agreement.Kinds {
		base := bases[i*baseSize:][:baseSize]
		client, err := oprf.NewClient(oprf.ModePOPRF, public, s.info(k))
		if err != nil {
			return nil, ErrElement
		}
		if clients[k], err = client.WithBase(base[:oprf.ElementSize], base[oprf.ElementSize:]); err != nil {
			return nil, err
		}
	}
	return clients, nil
}
