package cases

import (
	"math"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
)

// Exempt is a list of identifiers that must never carry a decision: helplines, the numbers of
// shelters and prisons, test devices. It holds their keyed tokens and nothing else, so that
// neither the list nor anything in this package has an identifier in it. It is only read and may be
// used by many goroutines. The zero Exempt is empty.
//
// A service marks what it tells of an account where it knows the identifiers anyway, in the
// Holdings that it gives to package watch:
//
//	holding = exempt.Mark(holding, key.Token(identifier))
type Exempt struct{ tokens map[hashing.Token]struct{} }

// NewExempt makes a list from tokens, all of the caller's one key: a token under another key is
// never found.
func NewExempt(tokens ...hashing.Token) *Exempt {
	x := &Exempt{tokens: make(map[hashing.Token]struct{}, len(tokens))}
	for _, t := range tokens {
		x.tokens[t] = struct{}{}
	}
	return x
}

// Has says whether the identifier with this token is on the list.
func (x *Exempt) Has(token hashing.Token) bool {
	_, ok := x.tokens[token]
	return ok
}

// Mark gives the holding, and if its identifier is on the list as one that carries nothing: held by
// [Unbounded] accounts, which is more than any policy lets an identifier have, so that the guard
// over_shared speaks in each of them and stands in the explanation. What is known otherwise stays.
func (x *Exempt) Mark(h abuse.Holding, token hashing.Token) abuse.Holding {
	if x.Has(token) {
		h.Accounts = Unbounded
	}
	return h
}

// Unbounded is the number of accounts of an identifier that points to nobody.
const Unbounded = math.MaxInt32
