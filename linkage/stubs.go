package linkage

import (
	"context"
	"crypto"
	"iter"
	"net"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/hashing"
)

// GenerationID names one function under which identifiers were enrolled.
type GenerationID [16]byte

// LiveGeneration gives the live generation of an epoch.
func LiveGeneration(a *Agreement, epoch uint32) GenerationID { panic("not yet") }

// FeedID names a feed.
type FeedID [16]byte

// NewFeedID gives the feed of an agreement, epoch and generations, live first.
func NewFeedID(a *Agreement, epoch uint32, g []GenerationID) FeedID { panic("not yet") }

// Ratchet gives the key of the next epoch.
func Ratchet(key hashing.Key) hashing.Key { panic("not yet") }

// EpochStart gives the first moment of an epoch.
func (a *Agreement) EpochStart(epoch uint32) time.Time { panic("not yet") }

// Enrol is Receive for a receiver that goes on by the feed.
func Enrol(ctx context.Context, conn net.Conn, cfg Config, accounts Source[Account]) (*Enrolment, Summary, error) {
	panic("not yet")
}

// Enrolment is what Enrol has learnt.
type Enrolment struct{}

// Epoch is the epoch of the session.
func (e *Enrolment) Epoch() uint32 { panic("not yet") }

// Generation is that of the session.
func (e *Enrolment) Generation() GenerationID { panic("not yet") }

// Matches are those of the session's own records.
func (e *Enrolment) Matches() []Match { panic("not yet") }

// Len is how many All gives: an identifier for each account that holds it.
func (e *Enrolment) Len() int { panic("not yet") }

// All gives what was enrolled, ascending by Kept.Tag and then by account.
func (e *Enrolment) All(k *Keeper) iter.Seq[Enrolled] { panic("not yet") }

// Close overwrites every value.
func (e *Enrolment) Close() { panic("not yet") }

// Enrolled is one identifier of one account.
type Enrolled struct {
	Ref   string
	Place int
	Kind  hashing.Kind
	Kept  Kept
}

// Generation gives the generation of a state file.
func (s *State) Generation() GenerationID { panic("not yet") }

// Keeper turns values of the function into what a table may hold.
type Keeper struct{}

// NewKeeper makes a keeper under a local key.
func NewKeeper(a *Agreement, epoch uint32, key hashing.Key) *Keeper { panic("not yet") }

// Kept is an enrolled identifier as it is stored.
type Kept struct {
	Tag   [16]byte
	Value [32]byte
	Token [16]byte
}

// Tag gives the keyed tag for a published one.
func (k *Keeper) Tag(published [16]byte) [16]byte { panic("not yet") }

// Token names an identifier under the keeper's key.
func (k *Keeper) Token(id hashing.Identifier) [16]byte { panic("not yet") }

// Nth gives that under which the nth signal, counted from 0, will be found.
func (k *Keeper) Nth(kept Kept, nth int) Kept { panic("not yet") }

// Open opens a record that was found under kept.
func (k *Keeper) Open(kept Kept, nth, identifier, slot int, r Record) (Opened, error) {
	panic("not yet")
}

// SealBytes seals what is stored beside rows.
func (k *Keeper) SealBytes(dst, plain, bound []byte) []byte { panic("not yet") }

// OpenBytes opens what SealBytes has sealed: ErrState if damaged or foreign.
func (k *Keeper) OpenBytes(dst, sealed, bound []byte) ([]byte, error) { panic("not yet") }

// Opened is what a record says.
type Opened struct {
	Signal uuid.UUID
	Label  []byte
}

// Operation is what a feed record does. The zero Operation is invalid.
type Operation uint8

// The operations.
const (
	Add     Operation = 1
	Revise  Operation = 2
	Retract Operation = 3
)

// Record is a view of a record in a batch or of one that was shelved.
type Record struct{}

// Alias stands for the signal in this feed.
func (r Record) Alias() [16]byte { panic("not yet") }

// Sequence is the revision of the signal.
func (r Record) Sequence() uint64 { panic("not yet") }

// Operation is what the record does.
func (r Record) Operation() Operation { panic("not yet") }

// Identifiers is how many identifiers the record is about; 0 for Retract.
func (r Record) Identifiers() int { panic("not yet") }

// Tag gives the tag of an identifier in a slot.
func (r Record) Tag(identifier, slot int) [16]byte { panic("not yet") }

// Shelve appends the record with slot 0 alone and its tags keyed.
func (r Record) Shelve(dst []byte, k *Keeper) []byte { panic("not yet") }

// ParseShelved reads a shelved record and gives what follows it.
func ParseShelved(a *Agreement, b []byte) (r Record, rest []byte, err error) { panic("not yet") }

// BatchHeader is what a batch says of itself.
type BatchHeader struct {
	Epoch       uint32
	Feed        FeedID
	Number      uint64         // from 1
	Previous    [32]byte       // digest of the batch before; zeros for the first
	Time        time.Time      // whole seconds UTC, never before that of the batch before
	Generations []GenerationID // the slots, in order, 1 or 2
	Complete    bool           // all that was said before Time is in the feed: the opening snapshot is over
	Final       bool           // no batch follows
}

// MaxBatch is the greatest length of a batch in bytes, MaxRecords the most records in it.
const (
	MaxBatch   = 16 << 20
	MaxRecords = 50_000
)

// Batch is a batch that has been parsed and verified.
type Batch struct{}

// ParseBatch checks form, size, agreement, signature and order of records.
func ParseBatch(a *Agreement, data []byte) (*Batch, error) { panic("not yet") }

// Header gives the header.
func (b *Batch) Header() BatchHeader { panic("not yet") }

// Digest is what the next batch names as Previous.
func (b *Batch) Digest() [32]byte { panic("not yet") }

// Len is the number of records.
func (b *Batch) Len() int { panic("not yet") }

// Record gives the i-th record, from 0.
func (b *Batch) Record(i int) Record { panic("not yet") }

// Follows says whether the batch is the one after (number, digest, time) of a feed.
func (b *Batch) Follows(feed FeedID, number uint64, digest [32]byte, last time.Time) error {
	panic("not yet")
}

// Sealer makes the records and batches of one feed.
type Sealer struct{}

// NewSealer makes one; base nil: slot 0 alone.
func NewSealer(cfg Config, base *State) (*Sealer, error) { panic("not yet") }

// Feed gives the feed's name.
func (s *Sealer) Feed() FeedID { panic("not yet") }

// Generations gives the slots.
func (s *Sealer) Generations() []GenerationID { panic("not yet") }

// Values evaluates an identifier in every slot; Nth is the caller's to set.
func (s *Sealer) Values(k *Keeper, id hashing.Identifier) (About, error) { panic("not yet") }

// About is one identifier that a signal is about.
type About struct {
	Kind   hashing.Kind
	Token  [16]byte
	Nth    uint16
	Values []byte // 32 bytes a slot, sealed under the keeper
}

// MaxIdentifiers is how many identifiers one record can be about.
const MaxIdentifiers = 32

// Record makes a record; of a Retract, label and about are empty.
func (s *Sealer) Record(k *Keeper, op Operation, id uuid.UUID, sequence uint64, label []byte, about []About) ([]byte, error) {
	panic("not yet")
}

// Batch sorts the records by alias, pads and signs; Epoch, Feed and Generations of h are filled in.
func (s *Sealer) Batch(h BatchHeader, records [][]byte, padding int) ([]byte, [32]byte, error) {
	panic("not yet")
}

// PaddedCount gives the number of records that a batch of n is padded to.
func PaddedCount(n int) int { panic("not yet") }

// Evaluator answers blinded identifiers under the live generation.
type Evaluator struct{}

// NewEvaluator makes one.
func NewEvaluator(cfg Config) (*Evaluator, error) { panic("not yet") }

// Opening is what a Blinder begins with, the same for all.
func (e *Evaluator) Opening() []byte { panic("not yet") }

// Count checks the form of a request and gives the number of identifiers in it.
func (e *Evaluator) Count(request []byte) (int, error) { panic("not yet") }

// Evaluate answers a request.
func (e *Evaluator) Evaluate(ctx context.Context, request []byte) ([]byte, error) { panic("not yet") }

// MaxEvaluation is the most identifiers in one request.
const MaxEvaluation = 1000

// Blinder asks an Evaluator.
type Blinder struct{}

// NewBlinder checks an opening.
func NewBlinder(cfg Config, epoch uint32, opening []byte) (*Blinder, error) { panic("not yet") }

// Blind blinds 1 to MaxEvaluation identifiers, of kinds of the agreement, all different.
func (b *Blinder) Blind(ctx context.Context, ids []hashing.Identifier) (*Blinding, error) {
	panic("not yet")
}

// Blinding is a request under way.
type Blinding struct{}

// Request is what is sent.
func (b *Blinding) Request() []byte { panic("not yet") }

// Finish checks the answer and gives what to keep, in the order of the identifiers.
func (b *Blinding) Finish(answer []byte, k *Keeper) ([]Kept, error) { panic("not yet") }

// SessionRecord is a statement of counters that both sides sign.
type SessionRecord struct {
	Agreement             [32]byte
	Sequence              uint64 // from 1
	Previous              [32]byte
	Epoch                 uint32
	Day                   int64
	From, Until           time.Time
	Evaluated             uint64
	Requests              uint64
	Refused               uint64
	EvaluatedDay          uint64
	SpentDay              uint64
	BaseSpent             uint64
	SignalsDay            uint64
	Batches               uint64
	Transmitter, Receiver []byte
}

// Hash is what the next record names as Previous.
func (r *SessionRecord) Hash() [32]byte { panic("not yet") }

// Sign adds the signature of one party.
func (r *SessionRecord) Sign(a *Agreement, role Role, signer crypto.Signer) error { panic("not yet") }

// MarshalBinary gives the fixed form.
func (r *SessionRecord) MarshalBinary() ([]byte, error) { panic("not yet") }

// ParseSessionRecord reads the fixed form.
func ParseSessionRecord(b []byte) (SessionRecord, error) { panic("not yet") }

// Verify checks both signatures, the chain and the caps.
func (r *SessionRecord) Verify(a *Agreement, before *SessionRecord) error { panic("not yet") }
