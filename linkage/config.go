package linkage

import (
	"crypto"
	"fmt"
	"iter"
	"runtime"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/hashing"
)

// Config is what a party brings to a session. Agreement and Signer are required,
// and Key for the transmitter; the rest has defaults.
type Config struct {
	// Agreement is signed by both parties.
	Agreement *Agreement
	// Signer holds this party's Ed25519 key, the one that the agreement names. It
	// signs the opening of the session, so that whoever ends TLS in front of a
	// service cannot pose as it.
	Signer crypto.Signer
	// Key is the transmitter's secret from which the key of every epoch is derived;
	// the receiver leaves it zero. Sessions of one agreement and epoch with the same
	// Key give the same tags.
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
	// Progress, if set, is told from time to time how far the session is. It is
	// called by one goroutine at a time and should return at once.
	Progress func(Progress)
}

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
	// ID is the signal's random identifier and Sequence its revision. Both are
	// public within the session; the ID must say nothing of the account, and no two
	// signals have the same.
	ID       uuid.UUID
	Sequence uint64
	// Label is what the transmitter says, at most the agreement's size class long.
	// Only who holds one of the identifiers can read it.
	Label []byte
}

// Summary is what a session came to, for its own side.
type Summary struct {
	Epoch       uint32               // the epoch in which the session was
	Accounts    int                  // accounts or flagged accounts that the caller gave
	OptedOut    int                  // of these, left out because the user opted out of the purpose
	Identifiers int                  // distinct identifiers enrolled, on both sides
	Records     int                  // records published, on both sides
	Skipped     map[hashing.Kind]int // identifiers of kinds that the agreement does not admit, never nil
	Sent        int64                // bytes given to the connection
	Received    int64                // bytes taken from it
	Elapsed     time.Duration        // from start to end
}

// Source is a stream of accounts or signals. An error ends the session with it.
type Source[T any] = iter.Seq2[T, error]

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
