package linkage

import (
	"bytes"
	"crypto/ed25519"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"
)

// A feed is cut into batches, numbered and chained by their digests, so that whoever has
// one can tell that nothing before it was left out or changed:
//
//	"H&C-F" ‖ version (1) ‖ header ‖ records ‖ signature (64)
//	header = scope (36) ‖ feed (16) ‖ number (8) ‖ previous (32) ‖ time (8) ‖ flags (1) ‖ slots (1)
//	         ‖ generations (16 each) ‖ live key (32) ‖ number of records (4) ‖ their length (4) ‖ SHA-256 of the records (32)
//	digest = SHA-256("H&C/b1" ‖ 0 ‖ header)
//
// The transmitter signs "hueandcry/batch/v1" ‖ 0 ‖ digest with Ed25519. Records come
// ascending by alias, so that their order tells nothing, and each alias once.
const (
	batchVersion = 1
	batchPrefix  = 5 + 1
	headerFixed  = 36 + 16 + 8 + 32 + 8 + 1 + 1 // before the generations
	headerRest   = 32 + 4 + 4 + sha256.Size     // after them
	maxSlots     = 2

	batchDigestLabel    = "H&C/b1\x00"
	batchSignatureLabel = "hueandcry/batch/v1\x00"

	flagComplete = 1
	flagFinal    = 2
)

var batchMagic = []byte("H&C-F")

// Bounds of a batch.
const (
	MaxBatch   = 16 << 20 // its length in bytes
	MaxRecords = 50_000   // the records in it
)

// BatchHeader is what a batch says of itself.
type BatchHeader struct {
	Epoch       uint32
	Feed        FeedID
	Number      uint64         // from 1
	Previous    [32]byte       // digest of the batch before; zeros for the first
	Time        time.Time      // whole seconds UTC, never before that of the batch before
	Generations []GenerationID // one for each slot: live, and perhaps base
	LiveKey     [32]byte       // what [Blinder.PublicKeyDigest] gives, or nothing that it enrols is found
	Complete    bool           // all that was said before Time is in the feed: the opening snapshot is over
	Final       bool           // no batch follows
}

// append appends the header of a batch with so many records.
func (h *BatchHeader) append(b []byte, s *scope, records int, body []byte) []byte {
	b = append(append(b, s[:]...), h.Feed[:]...)
	b = append(binary.BigEndian.AppendUint64(b, h.Number), h.Previous[:]...)
	b = binary.BigEndian.AppendUint64(b, uint64(h.Time.Unix()))
	flags := byte(0)
	if h.Complete {
		flags |= flagComplete
	}
	if h.Final {
		flags |= flagFinal
	}
	b = append(b, flags, byte(len(h.Generations)))
	for i := range h.Generations {
		b = append(b, h.Generations[i][:]...)
	}
	b = binary.BigEndian.AppendUint32(append(b, h.LiveKey[:]...), uint32(records))
	b = binary.BigEndian.AppendUint32(b, uint32(len(body)))
	sum := sha256.Sum256(body)
	return append(b, sum[:]...)
}

func batchDigest(header []byte) [32]byte { return labelled(batchDigestLabel, header) }

func signedBatch(digest *[32]byte) []byte { return append([]byte(batchSignatureLabel), digest[:]...) }

// Batch is a batch that has been read and verified. It does not change, and is safe for
// concurrent use. The zero Batch has no records.
type Batch struct {
	header BatchHeader
	digest [32]byte
	class  int
	body   []byte
	starts []uint32
}

// Format prints the type and nothing of the content, whatever the verb.
func (b *Batch) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "linkage.Batch") }

// ParseBatch reads and verifies a batch of the agreement, which both have signed. It
// keeps data, which must not be changed any more. Whether the batch is the next of a feed is
// for [Batch.Follows] to say. Whether its LiveKey is that of the epoch, by which the receiver has
// enrolled, is for the caller to compare: a transmitter with another key is not found out otherwise.
//
// Errors are [*Error]: [ErrVersion] for a later version, [ErrLimit] for more than [MaxBatch]
// bytes or [MaxRecords] records, [ErrFrame] for what has not the form, [ErrAgreement] for
// another agreement, [ErrEpoch] if feed or generation are not of the epoch, [ErrPeer] if it
// is not signed by the transmitter, [ErrRecord] for records that are malformed, out of order or not
// those that were signed, [ErrInput] for an agreement
// that Validate refuses or that is on tags alone, which has no feeds.
func ParseBatch(a *Agreement, data []byte) (*Batch, error) {
	if len(data) < batchPrefix || !bytes.Equal(data[:5], batchMagic) {
		return nil, &Error{Code: ErrFrame}
	}
	switch {
	case data[5] != batchVersion:
		return nil, &Error{Code: ErrVersion}
	case a.Validate() != nil: // or Digest would panic
		return nil, &Error{Code: ErrInput, cause: errors.New("the agreement does not validate")}
	case a.LabelBytes == 0:
		return nil, &Error{Code: ErrInput, cause: errNoFeed}
	case len(data) > MaxBatch:
		return nil, limit("MaxBatch", int64(len(data)), MaxBatch)
	case len(data) < batchPrefix+headerFixed+headerRest+signatureSize:
		return nil, &Error{Code: ErrFrame}
	}
	b := &Batch{class: a.LabelBytes}
	digest := a.Digest()
	if !bytes.Equal(data[batchPrefix:][:len(digest)], digest[:]) {
		return nil, &Error{Code: ErrAgreement}
	}
	header, body, sig, count, ok := b.readHeader(data)
	if !ok {
		return nil, &Error{Code: ErrFrame}
	}
	s := scope(header)
	if b.header.Feed != feedID(&s, b.header.Generations) || b.header.Generations[0] != liveGeneration(&s) {
		return nil, &Error{Code: ErrEpoch}
	}
	b.digest = batchDigest(header)
	if !ed25519.Verify(a.Transmitter.Key, signedBatch(&b.digest), sig) {
		return nil, &Error{Code: ErrPeer}
	}
	if sum := sha256.Sum256(body); !bytes.Equal(sum[:], header[len(header)-len(sum):]) {
		return nil, &Error{Code: ErrRecord}
	}
	if count > MaxRecords {
		return nil, limit("MaxRecords", int64(count), MaxRecords)
	}
	if !b.readRecords(body, int(count)) {
		return nil, &Error{Code: ErrRecord}
	}
	return b, nil
}

// readHeader cuts data, which has room for a header without generations and a signature.
func (b *Batch) readHeader(data []byte) (header, body, sig []byte, count uint32, ok bool) {
	fixed := data[batchPrefix:][:headerFixed]
	slots := int(fixed[headerFixed-1])
	if slots < 1 || slots > maxSlots || len(data) < batchPrefix+headerFixed+slots*len(GenerationID{})+headerRest+signatureSize {
		return nil, nil, nil, 0, false
	}
	header = data[batchPrefix:][:headerFixed+slots*len(GenerationID{})+headerRest]
	body = data[batchPrefix+len(header) : len(data)-signatureSize]
	rest := header[headerFixed:]
	for range slots {
		b.header.Generations = append(b.header.Generations, GenerationID(rest))
		rest = rest[len(GenerationID{}):]
	}
	h := &b.header
	h.LiveKey = [32]byte(rest)
	rest = rest[len(h.LiveKey):]
	count = binary.BigEndian.Uint32(rest)
	h.Epoch, h.Feed = binary.BigEndian.Uint32(fixed[32:]), FeedID(fixed[36:])
	h.Number, h.Previous = binary.BigEndian.Uint64(fixed[52:]), [32]byte(fixed[60:])
	at := binary.BigEndian.Uint64(fixed[92:])
	flags := fixed[100]
	h.Complete, h.Final = flags&flagComplete != 0, flags&flagFinal != 0
	ok = uint64(binary.BigEndian.Uint32(rest[4:])) == uint64(len(body)) && at <= maxTime &&
		flags <= flagComplete|flagFinal && h.Number >= 1 && h.Number <= maxSequence && (h.Number == 1) == (h.Previous == [32]byte{})
	if ok {
		h.Time = time.Unix(int64(at), 0).UTC()
	}
	return header, body, data[len(data)-signatureSize:], count, ok
}

// maxTime is the last second of the year 9999.
const maxTime = 253402300799

// readRecords finds where the records begin, and whether they are in order.
func (b *Batch) readRecords(body []byte, count int) bool {
	if count*recordHead > len(body) { // before anything is allocated for them
		return false
	}
	b.body, b.starts = body, make([]uint32, count)
	slots := len(b.header.Generations)
	var last []byte
	rest := body
	for i := range b.starts {
		b.starts[i] = uint32(len(body) - len(rest))
		r, after, ok := cutRecord(rest, slots, b.class)
		if !ok || !r.ascends() || last != nil && bytes.Compare(last, r.data[:16]) >= 0 {
			return false
		}
		last, rest = r.data[:16], after
	}
	return len(rest) == 0
}

// Header gives what the batch says of itself: a copy.
func (b *Batch) Header() BatchHeader {
	h := b.header
	h.Generations = slices.Clone(h.Generations)
	return h
}

// Digest is what the next batch names as Previous.
func (b *Batch) Digest() [32]byte { return b.digest }

// Len is the number of records.
func (b *Batch) Len() int { return len(b.starts) }

// Record gives the i-th record, from 0. It panics if there is none.
func (b *Batch) Record(i int) Record {
	r, _, _ := cutRecord(b.body[b.starts[i]:], len(b.header.Generations), b.class)
	return r
}

// Tip is where a feed ends for whoever follows it: what is to be kept of its last batch, to tell what
// may come next. The zero Tip is before the first batch.
type Tip struct {
	Number   uint64
	Digest   [32]byte
	Time     time.Time
	Complete bool // and so are all that follow
	Final    bool // none follows
}

// Tip gives where a feed ends that ends with the batch.
func (b *Batch) Tip() Tip {
	h := &b.header
	return Tip{h.Number, b.digest, h.Time, h.Complete, h.Final}
}

// Follows says whether the batch is the next of a feed that has ended at last so far. Errors are
// [*Error]: [ErrEpoch] for another feed, [ErrOrder] for another number or Previous, and for whatever
// comes after a final batch, [ErrRecord] for a time that goes back, and for a batch that is not
// complete after one that was: what it says would not count against the day's cap.
func (b *Batch) Follows(feed FeedID, last Tip) error {
	switch h := &b.header; {
	case h.Feed != feed:
		return &Error{Code: ErrEpoch}
	case last.Final || h.Number != last.Number+1 || h.Previous != last.Digest:
		return &Error{Code: ErrOrder}
	case h.Time.Before(last.Time) || last.Complete && !h.Complete:
		return &Error{Code: ErrRecord}
	}
	return nil
}
