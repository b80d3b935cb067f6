package watch

import (
	"context"
	"crypto"
	"errors"
	"log/slog"
	"time"

	"github.com/google/uuid"
	"go.opentelemetry.io/otel/metric"
	"go.opentelemetry.io/otel/trace"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// Errors that callers tell apart with errors.Is.
var (
	// ErrGone is what a callback gives for an account that is no more.
	ErrGone = errors.New("watch: the account is no more")
	// ErrOptedOut says that the account's user has opted out of the agreement's purpose.
	ErrOptedOut = errors.New("watch: the user has opted out of the purpose")
	// ErrPartnerDown says that the partner could not be reached, or did not answer in time.
	ErrPartnerDown = errors.New("watch: the partner is down")
	// ErrNotOpen says that an epoch is not open: not yet, no more, or without a base.
	ErrNotOpen = errors.New("watch: the epoch is not open")
	// ErrClockAhead says that an epoch would be closed by a clock that may be wrong: see
	// TrustClockUntil of [TransmitterConfig].
	ErrClockAhead = errors.New("watch: the clock is far ahead of what was last written, and no epoch is closed by it")
)

// MaxAccount is the greatest length of a reference to an account, in bytes.
const MaxAccount = 256

// Observe is how a service is watched. All of it may be nil: then nothing is said.
type Observe struct {
	Log    *slog.Logger
	Meter  metric.MeterProvider
	Tracer trace.TracerProvider
	// Alarm is told what a person should look at. It should return at once.
	Alarm func(Alarm)
}

// AlarmKind says what an alarm is about.
type AlarmKind string

// The kinds of alarm.
const (
	AlarmBudgetExhausted AlarmKind = "budget_exhausted" // the partner has used what the agreement gives it for the day
	AlarmBurst           AlarmKind = "burst"            // a quarter of a day's additions within ten minutes: a scan looks like this
	AlarmRefusedElements AlarmKind = "refused_elements" // a hundred malformed requests within an hour
	AlarmRecordDisputed  AlarmKind = "record_disputed"  // the partner's counters are not what this side counted
	AlarmRecordsUnsigned AlarmKind = "records_unsigned" // the partner does not sign session records
	AlarmClockBack       AlarmKind = "clock_back"       // the clock is behind what was written
	AlarmClockAhead      AlarmKind = "clock_ahead"      // the clock is so far ahead of what was written that no epoch is closed by it
	AlarmPartnerOverCap  AlarmKind = "partner_over_cap" // the partner sends more signals than the agreement allows
	AlarmBatchDamaged    AlarmKind = "batch_damaged"    // a batch does not verify
	AlarmBatchAhead      AlarmKind = "batch_ahead"      // a batch is dated ahead of the clock, by so many seconds: one side's is wrong
	AlarmStoreFailing    AlarmKind = "store_failing"    // the store refuses to write, or nothing can be published; the log says why
	AlarmRowDamaged      AlarmKind = "row_damaged"      // rows of the store cannot be read, and an era that has ended has left them there
	AlarmFeedStalled     AlarmKind = "feed_stalled"     // the feed cannot be followed any further
	AlarmSignalsOverCap  AlarmKind = "signals_over_cap" // more signals than a day may have; the rest waits
	AlarmSignalsLeftOut  AlarmKind = "signals_left_out" // signals are not in a new feed: there are too many about their identifiers
	AlarmEpochDue        AlarmKind = "epoch_due"        // the next epoch's base is to be enrolled
	AlarmOtherKey        AlarmKind = "other_key"        // the partner answers or publishes under another key than before in this epoch
)

// Alarm is something that a person should look at. Nothing in it names a subject.
type Alarm struct {
	Kind   AlarmKind
	Link   uuid.UUID // the agreement
	At     time.Time
	Detail int64 // a count, where there is one
}

// Accounts is what the caller's own tables know. Identifiers and Holdings have the same order;
// the index in it is the Place of a match.
type Accounts interface {
	// Identifiers gives those of an account; ErrGone if there is no such account, or not yet: who
	// signs up may be checked before he is stored, and is waited for, some hours.
	Identifiers(ctx context.Context, account string) ([]hashing.Identifier, error)
	// Holdings gives the facts about them that a decision is based on.
	Holdings(ctx context.Context, account string) ([]abuse.Holding, error)
}

// TransmitterConfig is what a [Transmitter] needs. Agreement, Signer, Store, Vault and
// Identifiers are required, and OptOut where the purpose is one that users can opt out of.
type TransmitterConfig struct {
	Agreement *linkage.Agreement
	Signer    crypto.Signer // of the agreement's transmitter key
	Store     abuse.Store   // closed by the caller, after the transmitter
	Vault     *Vault
	// Identifiers gives those of an account of this service; ErrGone if it is no more. Like OptOut
	// it is called by several goroutines at once. Any other error of theirs is taken for an outage: a feed
	// that is being opened waits, with all that is new, until there is none about any account.
	Identifiers func(ctx context.Context, account string) ([]hashing.Identifier, error)
	OptOut      linkage.OptOutRegister
	// Cadence is how often a batch is published, with news or without; zero means 15
	// minutes, and less than a second is refused.
	Cadence time.Duration
	// Prepare is how long before an epoch its base may be enrolled, Grace how long after an
	// epoch its feed is still served; zero means 72 and 24 hours.
	Prepare, Grace time.Duration
	// TrustClockUntil is the operator's word that the clock is right as long as it is not past this
	// time. To close an epoch is to erase its keys for good; where the clock is more than Cadence and
	// Grace ahead of the last batch that is refused with [ErrClockAhead] and [AlarmClockAhead], and
	// nothing is published. After an outage as long as that in which an epoch ended, look at
	// the clock, and start with some days from now. The zero time is no word.
	TrustClockUntil time.Time
	// Clock gives the time; nil means time.Now.
	Clock func() time.Time
	Observe
}

const (
	defaultCadence = 15 * time.Minute
	defaultPrepare = 72 * time.Hour
	defaultGrace   = 24 * time.Hour
)
