package linkage

import (
	"context"
	"crypto"
	"fmt"
	"io"
	"iter"
	"log/slog"
	"maps"
	"math"
	"runtime"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/hashing"
)

// Config is what a party brings to a session. Agreement and Signer are required,
// and Key for the transmitter; the rest has defaults. It does not print what it
// holds.
type Config struct {
	// Agreement is signed by both parties.
	Agreement *Agreement
	// Signer holds this party's Ed25519 key, the one that the agreement names. It
	// signs the opening of the session, so that whoever ends TLS in front of a
	// service cannot pose as it.
	Signer crypto.Signer
	// Key is the transmitter's secret from which the key of every epoch is derived, or that
	// of one epoch, see [Ratchet]; the receiver leaves it zero. Under "ec", sessions of one agreement and epoch with
	// the same Key give the same tags; under "vole" each enrolment has tags of its own.
	Key hashing.Key
	// OptOut is asked before an account is used, where the agreement's purpose is
	// one that users can opt out of; there it is required.
	OptOut OptOutRegister
	// Now is the time of the session, which chooses the epoch; zero means the clock's.
	Now time.Time
	// IdleTimeout is how long the peer may take over one message; zero means 30
	// seconds. The whole session is bounded by the context.
	IdleTimeout time.Duration
	// Workers is how many goroutines compute; zero means one a processor.
	Workers int
	// State, if set, is where the transmitter of a bulk session (protocol "vole") keeps
	// the key that the session ends with, encrypted under its Key, which is required then:
	// some 20.5 bytes for each identifier that the receiver enrolled. [OpenState] reads
	// it. An [os.File] will do. It is written from its start and should be empty: what an
	// earlier session left there is lost at the beginning of this one.
	State io.WriterAt
	// Admit, if set, is asked by the transmitter when the receiver has said how many
	// identifiers it enrols, under "vole" as [Encodable] counts them, and before anything is
	// evaluated. An error ends the session; the peer is told of a limit. It is not asked again
	// for a session that goes on.
	Admit func(ctx context.Context, identifiers int64) error
	// Adopt, if set, is called by the transmitter of a bulk session when the State is whole and the
	// receiver ready for the records: before the receiver can have all that it needs, so that
	// what is kept of the session here is never less than there. An error ends the session for good;
	// the peer is told of a limit if it is a [*LimitError]. A session that breaks off later may go
	// on, and then calls it again; one that does not begins the State anew: who has made something
	// of it drops the Resume.
	Adopt func(ctx context.Context) error
	// Resume, if set, lets a bulk session that broke off go on with the next call.
	Resume *Resume
	// Progress, if set, is told from time to time how far the session is. It is
	// called by one goroutine at a time and should return at once.
	Progress func(Progress)
}

// Format prints the type and nothing of the content, whatever the verb: a Signer
// may hold a private key.
func (c Config) Format(s fmt.State, _ rune) { _, _ = io.WriteString(s, "linkage.Config") }

// LogValue logs the same.
func (c Config) LogValue() slog.Value { return slog.StringValue("linkage.Config") }

// Progress tells how far a session is.
type Progress struct {
	Round       string // "records" or "enrolment"
	Done, Total int    // records sent or received; identifiers enrolled
}

// Account is one account of the receiver.
type Account struct {
	// Ref is the receiver's own reference. It comes back in Match and is never sent.
	Ref string
	// Identifiers are those that the account holds, in any order. Accounts may
	// share them; zero identifiers are an error.
	Identifiers []hashing.Identifier
}

// Flagged is one signal of the transmitter about one of its accounts.
type Flagged struct {
	// Ref is the transmitter's own reference to the account, for its opt-out
	// register. It is never sent.
	Ref string
	// Identifiers are those that the flagged account holds.
	Identifiers []hashing.Identifier
	// ID names the signal, through all its revisions, to those who may read it; no
	// two signals have the same. It must say nothing of the account. Under an agreement
	// on tags alone it stays here, as Sequence does.
	//
	// Sequence is the revision, which the same people see. A label that is changed needs
	// a higher one, for of one revision receivers expect one label.
	ID       uuid.UUID
	Sequence uint64
	// Label is what the transmitter says, at most the agreement's size class long;
	// under an agreement on tags alone, nothing. Only who holds one of the identifiers
	// can read it.
	Label []byte
}

// Summary is what a session came to, for its own side.
type Summary struct {
	Epoch       uint32               // the epoch in which the session was
	Accounts    int                  // accounts or flagged accounts that the caller gave
	OptedOut    int                  // of these, left out because the user opted out of the purpose
	Identifiers int                  // distinct identifiers enrolled, on both sides
	Records     int                  // records published, on both sides
	Unreadable  int                  // records about own identifiers that do not open or contradict each other: a fault of the transmitter
	Skipped     map[hashing.Kind]int // identifiers of kinds that the agreement does not admit, never nil
	Sent        int64                // bytes given to the connection
	Received    int64                // bytes taken from it
	Elapsed     time.Duration        // from start to end

	// Stages says where the time of this side went, by the clock, so that waiting for
	// the peer is in it: "collect", reading what the caller gave; "opening", from the
	// handshake to the announcement of sizes; "records"; "enrolment"; "closing"; and
	// for the receiver "lookup". The transmitter's has what Publish took too, which is
	// not in Elapsed: "collect" and "seal". Never nil in the summary of a session.
	Stages map[string]time.Duration
}

func (s Summary) clone() Summary {
	s.Skipped, s.Stages = maps.Clone(s.Skipped), maps.Clone(s.Stages)
	return s
}

// Source is a stream of accounts or signals. An error ends the session with it.
type Source[T any] = iter.Seq2[T, error]

// Slice is a source of what is in memory already.
func Slice[T any](all []T) Source[T] {
	return func(yield func(T, error) bool) {
		for _, v := range all {
			if !yield(v, nil) {
				return
			}
		}
	}
}

const defaultIdleTimeout = 30 * time.Second

// prepare checks what the caller brought and fills in the defaults.
func (c Config) prepare(role Role) (Config, uint32, error) {
	fail := func(code Code, cause error) (Config, uint32, error) {
		return Config{}, 0, &Error{Code: code, Round: roundSetup, cause: cause}
	}
	if c.Agreement == nil {
		return fail(ErrInput, fmt.Errorf("no agreement"))
	}
	if err := c.Agreement.Verify(); err != nil {
		return fail(ErrInput, err)
	}
	// A copy: whoever changes his agreement during a session does not move the caps
	// under a digest that was taken before.
	terms := *c.Agreement
	terms.Kinds = slices.Clone(terms.Kinds)
	c.Agreement = &terms
	if max(terms.Limits.Identifiers, terms.Limits.Records) > math.MaxInt {
		return fail(ErrInput, fmt.Errorf("limits too large for this platform"))
	}
	if c.Agreement.Normalisation != hashing.RulesVersion {
		return fail(ErrNormalisation, fmt.Errorf("the agreement is for other rules than %s", hashing.RulesVersion))
	}
	if !holdsKey(c.Signer, c.Agreement.party(role).Key) {
		return fail(ErrInput, fmt.Errorf("the signer does not hold the %s's key", role))
	}
	if c.Agreement.Purpose.OptOutApplies() && c.OptOut == nil {
		return fail(ErrInput, fmt.Errorf("purpose %s needs an opt-out register", c.Agreement.Purpose))
	}
	if c.IdleTimeout < 0 || c.Workers < 0 {
		return fail(ErrInput, fmt.Errorf("a negative IdleTimeout or Workers"))
	}
	if c.IdleTimeout == 0 {
		c.IdleTimeout = defaultIdleTimeout
	}
	if c.Workers == 0 {
		c.Workers = runtime.GOMAXPROCS(0)
	}
	if c.Now.IsZero() {
		c.Now = time.Now()
	}
	epoch, ok := c.Agreement.Epoch(c.Now)
	if !ok {
		return fail(ErrEpoch, fmt.Errorf("the agreement is not in force"))
	}
	return c, epoch, nil
}
