package watch

import (
	"bytes"
	"context"
	"crypto"
	"errors"
	"io/fs"
	"strconv"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// WhenDown says what a check does when the partner cannot be asked. The zero WhenDown is invalid:
// the caller chooses.
type WhenDown uint8

// The choices.
const (
	FailOpen   WhenDown = 1 // the account is let in, and checked later: that is stored before Check returns
	FailClosed WhenDown = 2 // the check is an error
)

// ReceiverConfig is what a [Receiver] needs. All but OptOut and what has a default is required.
type ReceiverConfig struct {
	Agreement *linkage.Agreement
	Signer    crypto.Signer // of the agreement's receiver key
	Store     abuse.Store   // closed by the caller, after the receiver
	Vault     *Vault
	Partner   Partner
	Decider   *Decider // on the same store; several receivers may share it
	Accounts  Accounts
	OptOut    linkage.OptOutRegister // required where the purpose is one that users can opt out of
	WhenDown  WhenDown
	// CheckTimeout is how long a check may wait for the partner; zero means 800 ms.
	CheckTimeout time.Duration
	// Stretch is how many records of a batch are taken in by one Update, up to 50,000; zero means 2,000.
	// Where they are about very many accounts it is fewer.
	Stretch int
	// Prepare is how long before an epoch its base is due; zero means 72 hours.
	Prepare time.Duration
	// Clock gives the time; nil means time.Now.
	Clock func() time.Time
	Observe
}

const (
	defaultCheckTimeout = 800 * time.Millisecond
	defaultStretch      = 2000
	maxStretch          = 50_000
)

// Receiver knows which accounts here a partner's signals are about. It is safe for concurrent use,
// and several processes may have one each on one store. The zero Receiver is invalid.
type Receiver struct {
	cfg  ReceiverConfig
	link uuid.UUID
	tel  *telemetry

	asked  askedFor
	ahead  int64 // how many bytes of batches of a feed are fetched ahead of intake: queueBytes but in tests
	atOnce int   // hits of intake that are in memory at once: hitsAtOnce but in tests

	retired   chan struct{}   // an era has, and its rows are to be dropped
	following sync.Mutex      // by whoever takes batches in
	refused   map[uint64]bool // whether the last batch of an era's feed was, by its number; under following
	moving    sync.Mutex      // while a cursor moves, and by sign-ups that it was too fast for
	mu        sync.Mutex
	courses   map[uint64]*course          // by number of the era
	blinders  map[uint32]*linkage.Blinder // by epoch
	pinned    map[uint32][32]byte         // the partner's live keys, by epoch
}

// course is an era as this process has it in memory.
type course struct {
	era
	keepers []*linkage.Keeper // of its generations
	shelf   *shelf

	// Of intake alone, under Receiver.following.
	filters []filter // of its generations; nil until there is something to take in
	read    position // the log has been read up to here
	mark    uint32

	complete time.Time // when it was found to have all that was said, by [Receiver.turn]
}

// NewReceiver makes a receiver, and finishes what an earlier process left unfinished: a base that
// was not enrolled to its end is dropped, and so is the rest of what has retired. A base that another
// process is enrolling just then is left alone, if both have their vault in one folder of a system
// with flock(2); else it is dropped, and the other fails with it and may begin again. It does not ask
// the partner. An error says what the configuration is missing, or is the store's or the vault's.
func NewReceiver(ctx context.Context, cfg ReceiverConfig) (*Receiver, error) {
	switch {
	case cfg.Agreement == nil || cfg.Signer == nil || cfg.Store == nil || cfg.Vault == nil || cfg.Partner == nil || cfg.Accounts == nil:
		return nil, errors.New("watch: a receiver needs Agreement, Signer, Store, Vault, Partner and Accounts")
	case cfg.Decider == nil || cfg.Decider.cfg.Store != cfg.Store:
		return nil, errors.New("watch: a receiver needs a Decider on its store")
	case cfg.WhenDown != FailOpen && cfg.WhenDown != FailClosed:
		return nil, errors.New("watch: WhenDown must be FailOpen or FailClosed")
	case cfg.CheckTimeout < 0 || cfg.Prepare < 0 || cfg.Stretch < 0 || cfg.Stretch > maxStretch:
		return nil, errors.New("watch: CheckTimeout, Prepare or Stretch is out of range")
	case cfg.Agreement.LabelBytes == 0:
		return nil, errors.New("watch: an agreement on tags alone has no feed")
	case cfg.Agreement.Purpose.OptOutApplies() && cfg.OptOut == nil:
		return nil, errors.New("watch: the agreement's purpose needs an opt-out register")
	}
	if err := cfg.Agreement.Verify(); err != nil {
		return nil, err
	}
	if cfg.CheckTimeout == 0 {
		cfg.CheckTimeout = defaultCheckTimeout
	}
	if cfg.Stretch == 0 {
		cfg.Stretch = defaultStretch
	}
	if cfg.Prepare == 0 {
		cfg.Prepare = defaultPrepare
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	r := &Receiver{
		cfg: cfg, link: cfg.Agreement.ID, tel: cfg.Observe.telemetry(cfg.Agreement.ID, linkage.Receiver),
		ahead: queueBytes, atOnce: hitsAtOnce, retired: make(chan struct{}, 1), courses: map[uint64]*course{}, blinders: map[uint32]*linkage.Blinder{}, pinned: map[uint32][32]byte{}, refused: map[uint64]bool{},
	}
	if err := r.clean(ctx); err != nil {
		return nil, err
	}
	_, err := r.active(ctx)
	return r, err
}

// active gives the eras that are followed, the oldest first, with their keys. It reads the store:
// another process may have enrolled a base, or retired one.
func (r *Receiver) active(ctx context.Context) ([]*course, error) {
	var all []era
	err := r.cfg.Store.View(ctx, func(rd abuse.Reader) (err error) {
		all, err = eras(rd, r.link)
		return err
	})
	if err != nil {
		return nil, err
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	have := r.courses
	r.courses = map[uint64]*course{}
	var out []*course
	for _, e := range all {
		if e.status != eraActive {
			continue
		}
		c := have[e.number]
		if c == nil {
			var opened error
			if c, opened = r.open(e); opened != nil {
				if active, err := r.isActive(ctx, e); err != nil || active {
					return nil, errors.Join(opened, err)
				}
				continue // another process has ended it since, and erased its keys
			}
		}
		r.courses[e.number] = c
		out = append(out, c)
	}
	return out, nil
}

// isActive says whether an era that was is still followed.
func (r *Receiver) isActive(ctx context.Context, e era) (active bool, err error) {
	row := e.row()
	err = r.cfg.Store.View(ctx, func(rd abuse.Reader) error {
		have, err := get(rd, abuse.Generations, row.Key)
		active = bytes.Equal(have, row.Value)
		return err
	})
	return active, err
}

// open reads an era's keys.
func (r *Receiver) open(e era) (*course, error) {
	c := &course{era: e}
	for slot := range e.slots {
		secret, err := r.cfg.Vault.Load(r.keyName(e.number + uint64(slot)))
		if errors.Is(err, fs.ErrNotExist) {
			return nil, lost("the key of a base")
		}
		if err != nil {
			return nil, err
		}
		key, err := hashing.ParseKey(string(secret))
		clear(secret)
		if err != nil {
			return nil, ErrVault
		}
		c.keepers = append(c.keepers, linkage.NewKeeper(r.cfg.Agreement, e.epoch, key))
	}
	c.shelf = newShelf(r.cfg.Agreement, e.number, c.keepers[0])
	return c, nil
}

// keyName is what the vault calls the key of a generation.
func (r *Receiver) keyName(generation uint64) string {
	return r.keyPrefix() + strconv.FormatUint(generation, 10)
}

func (r *Receiver) keyPrefix() string { return r.link.String() + "-gen-" }
