package optout

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/binary"
	"math"
	"sync"
	"time"

	"github.com/hueandcry/hueandcry/abuse"
	"github.com/hueandcry/hueandcry/hashing"
	"github.com/hueandcry/hueandcry/linkage"
)

// Token stands for an account in an audit, under the audit's key. The zero Token is for nobody.
type Token [16]byte

// Entry is one purpose-bound read, or many of one reader and purpose within a day. It holds no account and no
// identifier.
type Entry struct {
	At      time.Time       // of the first read, when it was written
	Who     string          // the reader, a program or a role: 1 to 64 of a-z, 0-9, '-' and '.', a letter first
	Purpose linkage.Purpose // for which he read
	Reads   uint64          // how often he asked about an account, at least
	Denied  uint64          // of these, how often its user had opted out
	Token   Token           // of the account, where there is one and the audit has a key
}

// AuditConfig is how an [Audit] works; the zero AuditConfig will do.
type AuditConfig struct {
	// Keep is how long entries are kept; zero means 180 days. Older ones are neither given nor, after
	// some more were written, there.
	Keep time.Duration
	// Key, if there is one, makes tokens: then each read has an entry of its own, and an account's
	// can be found. That is for single reads, such as at sign-up, and not for a base of millions.
	Key hashing.Key
	// Clock gives the time; nil means time.Now.
	Clock func() time.Time
}

// Audit is a record of who has read for which purpose, in table Audit. It is safe for concurrent use.
// The zero Audit is invalid.
type Audit struct {
	store abuse.Store
	cfg   AuditConfig
}

// NewAudit gives the audit in a store. A Keep below zero or no store is an [*abuse.Error].
func NewAudit(store abuse.Store, cfg AuditConfig) (*Audit, error) {
	if store == nil || cfg.Keep < 0 {
		return nil, &abuse.Error{Field: "audit", Problem: "needs a store and a time to keep"}
	}
	if cfg.Keep == 0 {
		cfg.Keep = 180 * 24 * time.Hour
	}
	if cfg.Clock == nil {
		cfg.Clock = time.Now
	}
	return &Audit{store, cfg}, nil
}

// TokenOf gives the token of an account. It panics if the audit has no key.
func (a *Audit) TokenOf(account string) (t Token) {
	mac := hmac.New(sha256.New, a.cfg.Key.Secret("abuse/optout/audit/v1", 32))
	mac.Write([]byte(account))
	copy(t[:], mac.Sum(nil))
	return t
}

func checkEntry(e Entry) error {
	if !e.Purpose.Valid() {
		return &abuse.Error{Field: "audit purpose", Problem: "must be one of the known ones"}
	}
	ok := len(e.Who) >= 1 && len(e.Who) <= 64 && e.Who[0] >= 'a' && e.Who[0] <= 'z'
	for _, c := range []byte(e.Who) {
		ok = ok && (c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-' || c == '.')
	}
	if !ok { // also so that no telephone number is written there
		return &abuse.Error{Field: "audit reader", Problem: "must be 1 to 64 of a-z, 0-9, '-' and '.', a letter first"}
	}
	return nil
}

func (e Entry) row() []byte {
	b := binary.BigEndian.AppendUint64([]byte{version, byte(e.Purpose)}, e.Reads)
	b = append(binary.BigEndian.AppendUint64(b, e.Denied), e.Token[:]...)
	return append(b, e.Who...)
}

func parseEntry(row abuse.Row) (e Entry, err error) {
	f := read(row.Value)
	e.Purpose, e.Reads, e.Denied, e.Token = linkage.Purpose(f.byte()), f.u64(), f.u64(), Token(f.take(16))
	e.Who = string(f.rest)
	if !f.ok || len(row.Key) != 16 || checkEntry(e) != nil {
		return Entry{}, damaged("audit")
	}
	e.At = time.Unix(0, int64(binary.BigEndian.Uint64(row.Key))).UTC()
	return e, nil
}

// auditKey begins the keys of a time. Nanoseconds go from 1970 to 2262: what is beyond is at the end.
func auditKey(at time.Time) []byte {
	nanos := uint64(math.MaxInt64)
	if at.Year() < 1970 {
		nanos = 0
	} else if at.Year() < 2262 {
		nanos = uint64(at.UnixNano())
	}
	return binary.BigEndian.AppendUint64(make([]byte, 0, 16), nanos)
}

// Record writes an entry, at the time that it is; durable when it returns nil. Entry.At is not looked at.
func (a *Audit) Record(ctx context.Context, e Entry) error {
	_, err := a.write(ctx, nil, e)
	return err
}

// write writes an entry under its key, or a new one, and takes away some that are old.
func (a *Audit) write(ctx context.Context, key []byte, e Entry) ([]byte, error) {
	if err := checkEntry(e); err != nil {
		return nil, err
	}
	now := a.cfg.Clock()
	if key == nil {
		key = append(auditKey(now), make([]byte, 8)...)
		_, _ = rand.Read(key[8:]) // never fails
	}
	return key, a.store.Update(ctx, func(w abuse.Writer) error {
		if _, err := a.trim(w, now, trimRun); err != nil {
			return err
		}
		return w.Put(abuse.Audit, key, e.row())
	})
}

func (a *Audit) trim(w abuse.Writer, now time.Time, limit int) (int, error) {
	rows, err := w.Scan(abuse.Audit, nil, auditKey(now.Add(-a.cfg.Keep)), limit)
	for _, row := range rows {
		if err := w.Delete(abuse.Audit, row.Key); err != nil {
			return 0, err
		}
	}
	return len(rows), err
}

// Trim takes away all entries that are older than they are kept, and gives how many.
func (a *Audit) Trim(ctx context.Context) (n int, err error) {
	for {
		run := 0
		if err := a.store.Update(ctx, func(w abuse.Writer) (err error) {
			run, err = a.trim(w, a.cfg.Clock(), bookRun)
			return err
		}); err != nil {
			return n, err
		}
		if n += run; run < bookRun {
			return n, nil
		}
	}
}

// Entries gives the entries from a time on and before another, the first one first, at most limit.
func (a *Audit) Entries(ctx context.Context, from, to time.Time, limit int) (all []Entry, err error) {
	if oldest := a.cfg.Clock().Add(-a.cfg.Keep); from.Before(oldest) {
		from = oldest
	}
	if !from.Before(to) {
		return nil, nil
	}
	err = a.store.View(ctx, func(r abuse.Reader) error {
		all = nil
		rows, err := r.Scan(abuse.Audit, auditKey(from), auditKey(to), limit)
		for _, row := range rows {
			e, err := parseEntry(row)
			if err != nil {
				return err
			}
			all = append(all, e)
		}
		return err
	})
	return all, err
}

// readsRun is how many reads there may be between two writings of their number.
const readsRun = 1000

// entrySpan is how long an entry takes up reads. It is far below the time that entries are kept, for an
// entry goes by its first read: one that went on for ever would be taken away with reads of today.
func (a *Audit) entrySpan() time.Duration { return min(24*time.Hour, a.cfg.Keep/2) }

// Reads is a register that is read for the audit: what stands in a [linkage.Config] in the place of
// the register itself. It is safe for concurrent use; the zero Reads is invalid.
type Reads struct {
	audit    *Audit
	register linkage.OptOutRegister
	who      string

	mu   sync.Mutex
	open map[linkage.Purpose]*opened
}

// opened is the entry of a purpose, and how much of it is written.
type opened struct {
	key     []byte
	begun   time.Time
	entry   Entry
	written uint64
}

var _ linkage.OptOutRegister = (*Reads)(nil)

// Reads gives a register whose reads are written down, as those of a reader. An entry is there before
// the first answer is given, and its count is put right every thousand reads, by Close, and when it is a
// day old (or half of Keep, if that is less) and the next read begins a new one: a
// process that is killed leaves a count that is lower. What cannot be written down is not read. A name that is none is an [*abuse.Error].
func (a *Audit) Reads(register linkage.OptOutRegister, who string) (*Reads, error) {
	if register == nil {
		return nil, &abuse.Error{Field: "audit", Problem: "needs a register"}
	}
	if err := checkEntry(Entry{Who: who, Purpose: linkage.Security}); err != nil {
		return nil, err
	}
	return &Reads{audit: a, register: register, who: who, open: map[linkage.Purpose]*opened{}}, nil
}

// OptedOut asks the register, and writes down that it was asked.
func (r *Reads) OptedOut(ctx context.Context, account string, purpose linkage.Purpose) (bool, error) {
	if !r.audit.cfg.Key.IsZero() {
		return r.one(ctx, account, purpose)
	}
	if err := r.begin(ctx, purpose); err != nil {
		return true, err
	}
	out, err := r.register.OptedOut(ctx, account, purpose)
	r.mu.Lock()
	defer r.mu.Unlock()
	o := r.open[purpose]
	if o == nil {
		return out, err // closed meanwhile; the entry is there
	}
	o.entry.Reads++
	if out {
		o.entry.Denied++
	}
	if err == nil && o.entry.Reads-o.written >= readsRun {
		err = r.flush(ctx, o)
	}
	if err != nil {
		return true, err
	}
	return out, nil
}

// one writes an entry about a single read. It says that the read was denied before anybody is told.
func (r *Reads) one(ctx context.Context, account string, purpose linkage.Purpose) (bool, error) {
	out, err := r.register.OptedOut(ctx, account, purpose)
	if err != nil {
		return true, err
	}
	e := Entry{Who: r.who, Purpose: purpose, Reads: 1, Token: r.audit.TokenOf(account)}
	if out {
		e.Denied = 1
	}
	if err := r.audit.Record(ctx, e); err != nil {
		return true, err
	}
	return out, nil
}

func (r *Reads) begin(ctx context.Context, purpose linkage.Purpose) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	now := r.audit.cfg.Clock()
	if o := r.open[purpose]; o != nil {
		if now.Sub(o.begun) < r.audit.entrySpan() {
			return nil
		}
		if err := r.end(ctx, purpose, o); err != nil {
			return err
		}
	}
	o := &opened{begun: now, entry: Entry{Who: r.who, Purpose: purpose}}
	var err error
	if o.key, err = r.audit.write(ctx, nil, o.entry); err != nil {
		return err
	}
	r.open[purpose] = o
	return nil
}

func (r *Reads) flush(ctx context.Context, o *opened) error {
	_, err := r.audit.write(ctx, o.key, o.entry)
	if err == nil {
		o.written = o.entry.Reads
	}
	return err
}

// end writes down what is not yet, and takes up no more reads.
func (r *Reads) end(ctx context.Context, purpose linkage.Purpose, o *opened) error {
	if o.written != o.entry.Reads {
		if err := r.flush(ctx, o); err != nil {
			return err
		}
	}
	delete(r.open, purpose)
	return nil
}

// Close writes down how many reads there were. The register can be read on; that begins new entries.
func (r *Reads) Close(ctx context.Context) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	for purpose, o := range r.open {
		if err := r.end(ctx, purpose, o); err != nil {
			return err
		}
	}
	return nil
}
