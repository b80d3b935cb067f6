package cases

import (
	"crypto/sha256"
	"encoding/binary"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
)

// The rows of the table Cases, by their first byte. Times are BE64 seconds, so that they sort; an account
// is its length, 2, and its bytes.
const (
	ofRow     = 'a' // account, case 16      -> kind 1: all cases about an account
	clearRow  = 'c' // account               -> (signal 16, seen 8)*: what a person has cleared it of
	doneRow   = 'd' // closed 8, case 16     -> outcome 1, kind 1
	theirsRow = 'f' // 1+partner, case 16    -> 1: open cases that partners brought
	lateRow   = 'l' // due 8, case 16        -> 1: open, and nobody has been told yet that it is late
	owedRow   = 'o' // debt 1, case 16       -> 1, what of it is done: something is owed to others
	queueRow  = 'q' // due 8, case 16        -> kind 1: open
	caseRow   = 'r' // case 16               -> Case, JSON with a version
	upheldRow = 'u' // account               -> decision 16: by which a person has upheld a step last
	lastRow   = 'v' // account               -> case 16: its last review
)

// What is owed.
const (
	debtCarry   = 'c' // references to partners; done: the 32 bytes of each that was carried
	debtDeliver = 'd' // the person's decision to the service
	debtLeft    = 'l' // what an answer has left is to be looked at; done: 16 bytes, the decision before the answer
	debtRetract = 'r' // the withdrawal of a signal
)

// debts are all kinds, in the order in which they are paid. What is left comes first: it may bring a later
// word that is to be delivered. References come last: partners that hang may use up all the time that
// there is, and nobody waits for them to be freed.
var debts = [...]byte{debtLeft, debtDeliver, debtRetract, debtCarry}

var mark = []byte{1}

func owedKey(debt byte, id uuid.UUID) []byte { return append([]byte{owedRow, debt}, id[:]...) }

func idKey(row byte, id uuid.UUID) []byte { return append([]byte{row}, id[:]...) }

func dueKey(row byte, at time.Time, id uuid.UUID) []byte {
	return append(binary.BigEndian.AppendUint64([]byte{row}, uint64(max(at.Unix(), 0))), id[:]...)
}

// Record puts a decision where package watch puts its own, so that it can be appealed against: for a
// service that settles without that package. Its key is the account, the time backwards, the ID.
func Record(w abuse.Writer, d abuse.Decision) error {
	body, err := d.MarshalJSON()
	if err != nil {
		return &abuse.Error{Field: "decision", Problem: "cannot be written"}
	}
	return w.Put(abuse.Decisions, decisionKey(d.Account, d.At, d.ID), body)
}

func decisionKey(account string, at time.Time, id uuid.UUID) []byte {
	return append(binary.BigEndian.AppendUint64(text(nil, account), ^uint64(at.UnixNano())), id[:]...)
}

// partnerKey begins the keys of a partner's rows. A name has 64 bytes at most.
func partnerKey(row byte, partner string) []byte {
	return append([]byte{row, byte(len(partner))}, partner...)
}

// caseOf gives the case that an index row, whose key ends in its ID, points to.
func caseOf(r abuse.Reader, key []byte) (Case, error) {
	if len(key) < 17 {
		return Case{}, damaged("case")
	}
	c, err := readCase(r, uuid.UUID(key[len(key)-16:]))
	if err == ErrNoCase {
		err = damaged("case")
	}
	return c, err
}

func readCase(r abuse.Reader, id uuid.UUID) (Case, error) {
	c, found, err := load[Case](r, abuse.Cases, idKey(caseRow, id))
	switch {
	case err != nil:
		return Case{}, err
	case !found:
		return Case{}, ErrNoCase
	case c.ID != id || !known(c.Kind, kindWords):
		return Case{}, damaged("case")
	}
	return c, nil
}

func writeCase(w abuse.Writer, c *Case) error { return save(w, abuse.Cases, idKey(caseRow, c.ID), *c) }

// openCase puts a new case into the queue, if there is none with its ID; it gives the one there is.
func openCase(w abuse.Writer, c Case) (Case, error) {
	old, err := readCase(w, c.ID)
	if err != ErrNoCase {
		return old, err
	}
	if err := w.Put(abuse.Cases, dueKey(queueRow, c.Due, c.ID), []byte{byte(c.Kind)}); err != nil {
		return c, err
	}
	if err := w.Put(abuse.Cases, dueKey(lateRow, c.Due, c.ID), mark); err != nil {
		return c, err
	}
	if c.Kind != Contested {
		if err := w.Put(abuse.Cases, append(text([]byte{ofRow}, c.Decision.Account), c.ID[:]...), []byte{byte(c.Kind)}); err != nil {
			return c, err
		}
	}
	return c, writeCase(w, &c)
}

// closeCase takes a case that has its outcome out of the queue.
func closeCase(w abuse.Writer, c *Case) error {
	keys := [][]byte{dueKey(queueRow, c.Due, c.ID), dueKey(lateRow, c.Due, c.ID)}
	if c.Kind == Contested {
		keys = append(keys, append(partnerKey(theirsRow, c.From), c.ID[:]...))
	}
	for _, key := range keys {
		if err := w.Delete(abuse.Cases, key); err != nil {
			return err
		}
	}
	if err := w.Put(abuse.Cases, dueKey(doneRow, c.Closed, c.ID), []byte{byte(c.Outcome), byte(c.Kind)}); err != nil {
		return err
	}
	return writeCase(w, c)
}

// dropCase takes out a case about an account, or a contested one, with what points to it and what it owes.
func dropCase(w abuse.Writer, account string, c *Case) error {
	keys := [][]byte{idKey(caseRow, c.ID), dueKey(queueRow, c.Due, c.ID), dueKey(lateRow, c.Due, c.ID), dueKey(doneRow, c.Closed, c.ID)}
	for _, debt := range debts {
		keys = append(keys, owedKey(debt, c.ID))
	}
	if account != "" {
		keys = append(keys, append(text([]byte{ofRow}, account), c.ID[:]...))
	}
	for _, key := range keys {
		if err := w.Delete(abuse.Cases, key); err != nil {
			return err
		}
	}
	return nil
}

// digestID makes a UUID of version 8 of its parts: the same parts give the same ID, so that what
// is repeated makes nothing new.
func digestID(role string, parts ...[]byte) (id uuid.UUID) {
	h := sha256.New()
	h.Write([]byte("hueandcry/abuse/cases/" + role))
	for _, p := range parts {
		h.Write(binary.BigEndian.AppendUint64(nil, uint64(len(p))))
		h.Write(p)
	}
	copy(id[:], h.Sum(nil))
	id[6] = id[6]&0x0f | 0x80
	id[8] = id[8]&0x3f | 0x80
	return id
}
