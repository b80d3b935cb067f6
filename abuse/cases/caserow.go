package cases

import (
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
)

// The rows of the table Cases, by their first byte. Times are BE64 seconds, so that they sort.
const (
	doneRow   = 'd' // closed 8, case 16     -> outcome 1, kind 1
	theirsRow = 'f' // 1+partner, case 16    -> 1: open cases that partners brought
	lateRow   = 'l' // due 8, case 16        -> 1: open, and nobody has been told yet that it is late
	owedRow   = 'o' // case 16               -> 1: something is owed to others
	queueRow  = 'q' // due 8, case 16        -> kind 1: open
	caseRow   = 'r' // case 16               -> Case, JSON
)

var mark = []byte{1}

func idKey(row byte, id uuid.UUID) []byte { return append([]byte{row}, id[:]...) }

func dueKey(row byte, at time.Time, id uuid.UUID) []byte {
	return append(binary.BigEndian.AppendUint64([]byte{row}, uint64(max(at.Unix(), 0))), id[:]...)
}

// accountKey is how package watch begins the keys of an account's rows.
func accountKey(row []byte, account string) []byte {
	return append(binary.BigEndian.AppendUint16(row, uint16(len(account))), account...)
}

// maxAccount is the greatest length of a reference to an account, as package watch has it.
const maxAccount = 256

// after is the first key that is above all that begin with the prefix, which has a byte below 255.
func after(prefix []byte) []byte {
	end := slices.Clone(prefix)
	for i := len(end) - 1; i >= 0; i-- {
		if end[i]++; end[i] != 0 {
			return end[:i+1]
		}
	}
	return nil
}

// partnerKey begins the keys of a partner's rows. A name has 64 bytes at most.
func partnerKey(row byte, partner string) []byte {
	return append([]byte{row, byte(len(partner))}, partner...)
}

func damaged(op string) error { return &abuse.StoreError{Op: op, Kind: abuse.ErrStoreDamaged} }

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

func readCase(r abuse.Reader, id uuid.UUID) (c Case, err error) {
	got, err := r.Get(abuse.Cases, idKey(caseRow, id))
	if err != nil {
		return c, err
	}
	if got[0] == nil {
		return c, ErrNoCase
	}
	if json.Unmarshal(got[0], &c) != nil || c.ID != id || !known(c.Kind, kindWords) {
		return Case{}, damaged("case")
	}
	return c, nil
}

func writeCase(w abuse.Writer, c *Case) error {
	value, err := json.Marshal(c)
	if err != nil {
		return &abuse.Error{Field: "case", Problem: "cannot be written"}
	}
	return w.Put(abuse.Cases, idKey(caseRow, c.ID), value)
}

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
