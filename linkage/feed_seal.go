package linkage

import (
	"bytes"
	"context"
	"crypto"
	"crypto/cipher"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"math/bits"
	mathrand "math/rand/v2"
	"slices"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/hashing"
)

// Sealer makes the records and batches of one feed. It holds the epoch's key and prints
// nothing of it. It is safe for concurrent use; the zero Sealer cannot be used.
type Sealer struct {
	of func() *sealer // behind a function, so that no dump of the value shows a key
}

type sealer struct {
	*session
	live        live
	base        *State // or nil
	generations []GenerationID
	feed        FeedID
	liveKey     [32]byte
	aliases     cipher.Block
	keys        []byte // from which the keys of labels come
}

var errOtherKeeper = errors.New("a keeper of another agreement or epoch")

var errOtherFeed = errors.New("a record that was sealed for another feed, or under another live key")

var errNoFeed = errors.New("an agreement on tags alone has no feed: nothing in one could be withdrawn")

// NewSealer makes the sealer of the feed of an epoch, the one that cfg.Now is in: its live
// generation, and the one of a bulk session if base is not nil. It needs cfg.Key, and takes
// some milliseconds. Errors are [*Error]: [ErrInput] for what cannot be used, [ErrState] for
// a base of another agreement or epoch.
func NewSealer(cfg Config, base *State) (*Sealer, error) {
	cfg, epoch, err := cfg.prepare(Transmitter)
	if err != nil {
		return nil, err
	}
	if err := cfg.needsKey(); err != nil {
		return nil, err
	}
	if cfg.Agreement.LabelBytes == 0 {
		return nil, &Error{Code: ErrInput, cause: errNoFeed}
	}
	s := &sealer{session: newSession(cfg, Transmitter, epoch), base: base}
	if s.live, err = s.session.live(); err != nil {
		return nil, err
	}
	s.generations = []GenerationID{liveGeneration(&s.scope)}
	if base != nil {
		if base.of().scope != s.scope {
			return nil, &Error{Code: ErrState, cause: errors.New("the base is of another agreement or epoch")}
		}
		s.generations = append(s.generations, base.Generation())
	}
	s.feed, s.liveKey = feedID(&s.scope, s.generations), publicKeyDigest(&s.scope, s.live.public)
	name := hex.EncodeToString(s.scope[:]) + "/" + hex.EncodeToString(s.feed[:])
	s.aliases = newAES(cfg.Key.Secret("linkage/feed-alias/v1/"+name, 16))
	s.keys = cfg.Key.Secret("linkage/feed-label/v1/"+name, 32)
	return &Sealer{of: func() *sealer { return s }}, nil
}

// Feed gives the feed's name.
func (s *Sealer) Feed() FeedID { return s.of().feed }

// About is one identifier that a signal is about, as the transmitter may store it: what is
// in Values is noise without the keeper's key.
type About struct {
	Kind hashing.Kind
	// Token is the same for the same identifier: it is what signals about it are counted by.
	Token [16]byte
	// Nth is how many signals of this feed were about the identifier before this one, and
	// stays with the signal as long as the feed lasts. It is below the agreement's
	// SignalsPerIdentifier. Two signals with one Nth would have one tag, of which receivers hear the
	// first: so it is never used again, also when the signal is retracted or has run out.
	Nth uint16
	// Values are those of the function in every slot, sealed: 32 bytes for each slot and 16 that
	// bind them to feed, Kind and Token. They are to be stored and given back as they are.
	Values []byte
}

// Values evaluates an identifier in every slot of the feed, at about 100 microseconds. Nth is
// for the caller to set. It is for purposes that nobody can opt out of: under any other it gives
// [ErrInput], and [Sealer.ValuesFor] is for all. A kind outside the agreement is a [*KindError], a zero identifier or a keeper
// of another agreement or epoch [ErrInput], a state file that was changed [ErrState].
func (s *Sealer) Values(k *Keeper, id hashing.Identifier) (About, error) {
	if err := s.of().anonymous(); err != nil {
		return About{}, err
	}
	return s.values(k, id)
}

// ValuesFor is Values for an identifier of an account, about which the opt-out register is asked first
// where the purpose is one that users can opt out of: [ErrInput] with [ErrOptedOut] says that its user has.
func (s *Sealer) ValuesFor(ctx context.Context, k *Keeper, account string, id hashing.Identifier) (About, error) {
	if err := s.of().allowed(ctx, account); err != nil {
		return About{}, err
	}
	return s.values(k, id)
}

func (s *Sealer) values(k *Keeper, id hashing.Identifier) (About, error) {
	o := s.of()
	if id.IsZero() {
		return About{}, &Error{Code: ErrInput, cause: errors.New("a zero identifier")}
	}
	if err := o.cfg.Agreement.Admits(id.Kind()); err != nil {
		return About{}, err
	}
	kept := k.of()
	if kept.scope != o.scope {
		return About{}, &Error{Code: ErrInput, cause: errOtherKeeper}
	}
	x := id.Digest(o.digest)
	defer clear(x[:])
	a := About{Kind: id.Kind(), Token: kept.itemToken(&x), Values: make([]byte, 0, len(o.generations)*len(prf{})+aboutMAC)}
	f, err := o.live.evaluate(id.Kind(), &x)
	for slot := 0; err == nil; slot++ {
		a.Values = append(a.Values, f[:]...)
		clear(f[:])
		own := (*prf)(a.Values[slot*len(f):])
		kept.hide((*[32]byte)(own), own)
		if slot+1 == len(o.generations) {
			kept.seal(&a, o.feed)
			return a, nil
		}
		f, err = o.base.of().file.evaluate(x)
	}
	return About{}, stateFailure(err)
}

// Sealed is a record that [Sealer.Record] has made. It remembers what feed it is for and under which
// live key: in another feed nobody could open it, and whoever reads that one could not tell it from
// padding, so that only [Sealer.Batch] can notice. It is for the process that has made it; what is to
// be kept is the batch. The zero Sealed is none, and refused.
type Sealed struct {
	feed    FeedID
	liveKey [32]byte
	data    []byte
}

// Len is the length of the record in bytes; of the zero Sealed it is 0.
func (s Sealed) Len() int { return len(s.data) }

// Format prints the type and nothing of the content, whatever the verb.
func (s Sealed) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "linkage.Sealed") }

// Record makes a record of the feed, with keeper and what Values has given under it: 85 bytes,
// the agreement's LabelBytes and 32 for each identifier and slot, and for a Retract, which has
// neither label nor identifiers, 26 bytes. The same is the same record, byte for byte;
// whatever is said anew needs a higher sequence. A Revise must be about the same identifiers as the Add, each with its Nth.
//
// Errors are [*Error]: [ErrInput] for an unknown operation, a nil ID, a sequence above
// 2^63-2, or for a Retract above 2^63-1, no identifier or one twice, or more than [MaxIdentifiers], a
// keeper of another agreement or epoch; [ErrState] for an About of which Kind, Token or Values are not as
// [Sealer.Values] gave them under this keeper for this feed; [ErrLimit] for a label above LabelBytes or an Nth
// beyond SignalsPerIdentifier.
func (s *Sealer) Record(k *Keeper, op Operation, id uuid.UUID, sequence uint64, label []byte, about []About) (Sealed, error) {
	o := s.of()
	if err := o.checkRecord(k.of(), op, id, sequence, label, about); err != nil {
		return Sealed{}, err
	}
	class := o.cfg.Agreement.LabelBytes
	head := make([]byte, recordHead, feedRecordSize(len(about), len(o.generations), class))
	o.aliases.Encrypt(head, id[:])
	binary.BigEndian.PutUint64(head[16:], sequence)
	head[recordHead-2], head[recordHead-1] = byte(op), byte(len(about))
	if op == Retract {
		return Sealed{o.feed, o.liveKey, head}, nil
	}
	var inner prf // of which sealing needs the secret alone
	defer clear(inner[:])
	*inner.secret() = o.labelKey(head, label)
	out := o.appendPairs(head, k.of(), inner.secret(), about)
	l := newLabels(&o.scope, class)
	defer l.close()
	return Sealed{o.feed, o.liveKey, l.seal(out, &inner, &content{id, sequence, op, label})}, nil
}

func (s *sealer) checkRecord(k *keeping, op Operation, id uuid.UUID, sequence uint64, label []byte, about []About) error {
	fault := ""
	switch {
	case op < Add || op > Retract:
		fault = "an unknown operation"
	case id == uuid.Nil:
		fault = "a signal without ID"
	case sequence > op.lastSequence():
		fault = "a sequence above the last"
	case k.scope != s.scope:
		return &Error{Code: ErrInput, cause: errOtherKeeper}
	case op == Retract && (len(label) > 0 || len(about) > 0):
		fault = "a Retract with a label or identifiers"
	case op != Retract && (len(about) < 1 || len(about) > MaxIdentifiers):
		fault = fmt.Sprintf("a signal about none or more than %d identifiers", MaxIdentifiers)
	}
	for i := range about {
		if slices.ContainsFunc(about[:i], func(b About) bool { return b.Token == about[i].Token }) {
			fault = "an identifier twice"
		}
	}
	if fault != "" {
		return &Error{Code: ErrInput, cause: errors.New(fault)}
	}
	terms := s.cfg.Agreement
	if err := limit("LabelBytes", int64(len(label)), int64(terms.LabelBytes)); err != nil {
		return err
	}
	for i := range about {
		if _, ok := k.values(&about[i], s.feed, len(s.generations)); !ok {
			return &Error{Code: ErrState, cause: errors.New("values of another identifier, feed or keeper")}
		}
		if err := limit("SignalsPerIdentifier", int64(about[i].Nth)+1, terms.Limits.SignalsPerIdentifier); err != nil {
			return err
		}
	}
	return nil
}

// labelKey is the key of a label: a pseudorandom function of all that is sealed, so that two
// labels never have one key, and a record that is made again is the same.
func (s *sealer) labelKey(head, label []byte) [secretSize]byte {
	h := hmac.New(sha256.New, s.keys)
	h.Write(head[:wrappedHead])
	h.Write(label)
	return [secretSize]byte(h.Sum(nil))
}

// appendPairs appends tags and wraps, the identifiers in the order of their tags: how the
// transmitter orders them is not to be seen.
func (s *sealer) appendPairs(record []byte, k *keeping, key *[secretSize]byte, about []About) []byte {
	pairs := make([][]byte, len(about))
	for i := range about {
		for slot := range s.generations {
			f := k.reveal((*[32]byte)(about[i].Values[slot*len(prf{}):]))
			t := f.tag(uint32(about[i].Nth))
			wrap := wrapping(f, uint32(about[i].Nth), record)
			clear(f[:])
			subtle.XORBytes(wrap[:], wrap[:], key[:])
			pairs[i] = append(append(pairs[i], t[:]...), wrap[:]...)
		}
	}
	slices.SortFunc(pairs, bytes.Compare)
	for _, p := range pairs {
		record = append(record, p...)
	}
	return record
}

// Batch makes the batch of the given records and so much padding: what looks like an Add about
// identifiers that nobody has, each with the sequence and the number of identifiers of one of the
// Adds, or with 0 and 1 where there is none. So callers count sequences up from 0, or padding that
// stands alone can be told. Where Adds are about many identifiers and the batch is nearly full, what
// padding is left has as few as any Add: whether all fits does not depend on luck. It sorts the
// records by alias and signs. Of h, Number,
// Previous, Time, Complete and Final are the caller's to set. It gives the batch and its
// digest.
//
// Errors are [*Error]: [ErrInput] for a header that cannot be, for records that were sealed for another
// feed or under another key of the same, or two of one signal; [ErrLimit] for more than [MaxRecords] or [MaxBatch].
func (s *Sealer) Batch(h BatchHeader, records []Sealed, padding int) ([]byte, [32]byte, error) {
	o := s.of()
	h.Epoch, h.Feed, h.Generations, h.LiveKey = o.epoch, o.feed, o.generations, o.liveKey
	fail := func(err error) ([]byte, [32]byte, error) { return nil, [32]byte{}, err }
	if h.Number < 1 || h.Number > maxSequence || (h.Number == 1) != (h.Previous == [32]byte{}) || !wholeSecond(h.Time) || padding < 0 {
		return fail(&Error{Code: ErrInput, cause: errors.New("a number, digest, time or padding that cannot be")})
	}
	if err := limit("MaxRecords", int64(len(records))+int64(padding), MaxRecords); err != nil {
		return fail(err)
	}
	all, size, err := o.padded(records, padding)
	if err != nil {
		return fail(err)
	}
	body := slices.Concat(all...)
	out := append(append(make([]byte, 0, size), batchMagic...), batchVersion)
	out = h.append(out, &o.scope, len(all), body)
	digest := batchDigest(out[batchPrefix:])
	sig, err := o.cfg.Signer.Sign(nil, signedBatch(&digest), crypto.Hash(0))
	if err == nil && len(sig) != signatureSize {
		err = fmt.Errorf("a signature of %d bytes", len(sig))
	}
	if err != nil {
		return fail(&Error{Code: ErrInput, cause: err})
	}
	return append(append(out, body...), sig...), digest, nil
}

// padded checks and sorts records, among which it puts padding, and gives the size of the batch.
func (s *sealer) padded(records []Sealed, padding int) (all [][]byte, size int, err error) {
	class, slots := s.cfg.Agreement.LabelBytes, len(s.generations)
	all = make([][]byte, 0, len(records)+padding)
	size = batchPrefix + headerFixed + slots*len(GenerationID{}) + headerRest + signatureSize
	fewest := 0 // identifiers of an Add
	var adds []Record
	for i := range records {
		b := records[i].data
		if records[i].feed != s.feed || records[i].liveKey != s.liveKey {
			return nil, 0, &Error{Code: ErrInput, cause: errOtherFeed}
		}
		r, rest, ok := cutRecord(b, slots, class)
		if !ok || len(rest) > 0 || !r.ascends() { // a fault of this package
			return nil, 0, &Error{Code: ErrInput, cause: errors.New("what is no record of the feed")}
		}
		if r.Operation() == Add {
			if adds = append(adds, r); fewest == 0 || r.Identifiers() < fewest {
				fewest = r.Identifiers()
			}
		}
		all = append(all, b)
		size += len(b)
	}
	least := feedRecordSize(max(fewest, 1), slots, class)
	if err := limit("MaxBatch", int64(size)+int64(padding)*int64(least), MaxBatch); err != nil {
		return nil, 0, err
	}
	for left := padding - 1; left >= 0; left-- {
		n, sequence := 1, uint64(0)
		if len(adds) > 0 {
			like := &adds[mathrand.IntN(len(adds))]
			n, sequence = like.Identifiers(), like.Sequence()
		}
		if size+feedRecordSize(n, slots, class)+left*least > MaxBatch {
			n = fewest
		}
		b := make([]byte, feedRecordSize(n, slots, class))
		size += len(b)
		_, _ = rand.Read(b) // which cannot fail
		binary.BigEndian.PutUint64(b[16:], sequence)
		b[recordHead-2], b[recordHead-1] = byte(Add), byte(n)
		sortPairs(b, n, slots)
		all = append(all, b)
	}
	slices.SortFunc(all, func(a, b []byte) int { return bytes.Compare(a[:16], b[:16]) })
	for i := range all[min(1, len(all)):] {
		if bytes.Equal(all[i][:16], all[i+1][:16]) {
			return nil, 0, &Error{Code: ErrInput, cause: errors.New("two records of one signal in a batch")}
		}
	}
	return all, size, nil
}

// sortPairs puts the pairs of a record into the order of their tags.
func sortPairs(record []byte, n, slots int) {
	var pairs [][]byte
	for p := range slices.Chunk(slices.Clone(record[recordHead:][:n*slots*pairSize]), slots*pairSize) {
		pairs = append(pairs, p)
	}
	slices.SortFunc(pairs, bytes.Compare)
	copy(record[recordHead:], slices.Concat(pairs...))
}

// leastCount is the least that a count is padded to.
const leastCount = 8

// PaddedCount gives the number of records, padding included, to which a batch of n is
// filled up: the counts that a peer sees are few and say little. It is Padmé (Nikitin and
// others, "Reducing Metadata Leakage from Encrypted Files and Communication with PURBs", 2019),
// which keeps the highest bits of n, as many as the length of its length: at most 12 percent more,
// above 8, and never above [MaxRecords].
func PaddedCount(n int) int {
	if n <= leastCount {
		return leastCount
	}
	size := bits.Len(uint(n)) - 1
	low := max(size-bits.Len(uint(size)), 0)
	padded := (n + 1<<low - 1) >> low << low
	return max(min(padded, MaxRecords), n)
}
