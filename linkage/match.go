package linkage

import (
	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/hashing"
)

// Match says that signals of the other service are about one account here. It is
// evidence to decide on and not an order.
type Match struct {
	Account string          // the caller's own reference, as given; it was never sent
	Signals []MatchedSignal // at least one, ordered by ID
}

// MatchedSignal is one signal of the transmitter, opened with an identifier that
// the account holds. Under an agreement on tags alone there is one for each match,
// which stands for all there may be: ID and Sequence are zero, Label is nil, and
// Kinds and Places are those of all identifiers that were flagged.
type MatchedSignal struct {
	ID       uuid.UUID      // the signal's identifier, chosen by the transmitter
	Sequence uint64         // the revision of the signal; higher is newer
	Kinds    []hashing.Kind // which kinds of identifier agree, ascending, at least one
	Places   []int          // which of the account's Identifiers agree, as indices into what was given, ascending
	Label    []byte         // what the transmitter says, as it sealed it
}
