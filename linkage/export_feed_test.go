package linkage

import (
	"context"

	"github.com/hueandcry/hueandcry/hashing"
)

// Outputs gives the values of the function for an identifier, in every slot.
func (s *Sealer) Outputs(id hashing.Identifier) (all [][32]byte) {
	k := NewKeeper(s.of().cfg.Agreement, s.of().epoch, hashing.NewKey())
	a, err := s.Values(k, id)
	if err != nil {
		panic(err)
	}
	for i := 0; i < 32*len(s.Generations()); i += 32 {
		all = append(all, *k.of().reveal((*[32]byte)(a.Values[i:])))
	}
	return all
}

// NewEvaluatorOf is NewEvaluator with the hooks of a context.
func NewEvaluatorOf(ctx context.Context, cfg Config) (*Evaluator, error) {
	return newEvaluator(ctx, cfg)
}

// Bytes gives what is in a batch.
func (s Sealed) Bytes() []byte { return s.data }

// Forged is a record of the feed that Record would never have made.
func (s *Sealer) Forged(data []byte) Sealed { return Sealed{s.of().feed, s.of().liveKey, data} }

// Generations gives those of the slots.
func (s *Sealer) Generations() []GenerationID { return s.of().generations }

// Wrap gives what holds the label's key for an identifier, in a slot.
func (r Record) Wrap(identifier, slot int) []byte { return r.pair(identifier, slot)[tagSize:] }

// Label gives the sealed label.
func (r Record) Label() []byte { return r.sealed() }
