package cases

import (
	"bytes"
	"encoding/binary"
	"slices"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse"
)

// A ruling of the desk's holds back the signals that its person has seen for as long as it stands. One
// with an end ("limit for two days") would let them suspend the account again on the day after, over
// the person's head. So they are put down here, and left out of the evidence once no ruling has them.

const clearedBytes = 24 // signal 16, BE64 seconds: when it was seen

// readCleared gives the signals that do not count against the account any more.
func readCleared(r abuse.Reader, account string) (map[uuid.UUID]int64, error) {
	got, err := r.Get(abuse.Cases, text([]byte{clearRow}, account))
	if err != nil || got[0] == nil {
		return nil, err
	}
	b := got[0]
	if len(b)%clearedBytes != 0 {
		return nil, damaged("cleared signals")
	}
	all := make(map[uuid.UUID]int64, len(b)/clearedBytes)
	for ; len(b) > 0; b = b[clearedBytes:] {
		all[uuid.UUID(b[:16])] = int64(binary.BigEndian.Uint64(b[16:]))
	}
	return all, nil
}

// clearSeen puts down what a person has seen who took a step back or changed it. What was put down
// longer ago than a signal can be valid is dropped.
func clearSeen(w abuse.Writer, d *abuse.Decision, now time.Time) error {
	all, err := readCleared(w, d.Account)
	if err != nil {
		return err
	}
	value := make([]byte, 0, clearedBytes*(len(all)+len(d.Explanation.Signals)))
	put := func(id uuid.UUID, at int64) {
		value = binary.BigEndian.AppendUint64(append(value, id[:]...), uint64(at))
	}
	for i := range d.Explanation.Signals {
		id := d.Explanation.Signals[i].Signal.ID
		delete(all, id)
		put(id, now.Unix())
	}
	ids := make([]uuid.UUID, 0, len(all))
	for id, at := range all {
		if at > now.Add(-abuse.MaxValidity).Unix() {
			ids = append(ids, id)
		}
	}
	slices.SortFunc(ids, func(a, b uuid.UUID) int { return bytes.Compare(a[:], b[:]) })
	for _, id := range ids {
		put(id, all[id])
	}
	if len(value) == 0 {
		return nil
	}
	return w.Put(abuse.Cases, text([]byte{clearRow}, d.Account), value)
}

// withoutCleared leaves out of the evidence what was seen under a ruling that has run out. The caller's
// slices are left alone.
func (h *Hearings) withoutCleared(r abuse.Reader, e abuse.Evidence, now time.Time) (abuse.Evidence, error) {
	if len(e.Account) > maxAccount {
		return e, nil // the desk says so
	}
	cleared, err := readCleared(r, e.Account)
	if err != nil || len(cleared) == 0 {
		return e, err
	}
	ruling, _, err := h.cfg.Desk.Ruling(r, e.Account, now)
	if err != nil {
		return e, err
	}
	return without(e, func(x *abuse.Sighting) bool {
		_, ok := cleared[x.Signal.ID]
		return ok && !ruling.saw(x)
	}), nil
}
