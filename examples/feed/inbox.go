package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/hueandcry/hueandcry/abuse/watch"
)

// inbox is where the receiver puts what it is handed: a file of lines. A change that comes twice,
// after a crash, has the same ID and is put down once, unless it comes with another decision to carry
// out: then that has a line of its own.
type inbox struct {
	mu     sync.Mutex
	file   *os.File
	seen   map[uuid.UUID]uuid.UUID // by change, the decision that it came with last
	all    []handed                // changes, each once
	stands map[string]carried      // by account, what is to be carried out
}

// carried is a decision to carry out.
type carried struct {
	ID uuid.UUID `json:"decision"`
	At time.Time `json:"at"`
}

// handed is a change as the file has it.
type handed struct {
	ID       uuid.UUID `json:"id"`
	Account  string    `json:"account"`
	Signal   uuid.UUID `json:"signal"`
	Sequence uint64    `json:"sequence"`
	Change   string    `json:"change"`
	Decision uuid.UUID `json:"decision"`
	Body     carried   `json:"body"`
}

func openInbox(path string) (*inbox, error) {
	b := &inbox{seen: map[uuid.UUID]uuid.UUID{}, stands: map[string]carried{}}
	data, err := os.ReadFile(path)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	whole := bytes.LastIndexByte(data, '\n') + 1 // a line that was cut off was not acknowledged
	lines := bufio.NewScanner(bytes.NewReader(data[:whole]))
	for lines.Scan() {
		var h handed
		if err := json.Unmarshal(lines.Bytes(), &h); err != nil {
			return nil, err
		}
		b.take(h)
	}
	if b.file, err = os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600); err != nil {
		return nil, err
	}
	if err := b.file.Truncate(int64(whole)); err != nil {
		return nil, err
	}
	_, err = b.file.Seek(0, io.SeekEnd)
	return b, err
}

func (b *inbox) deliver(_ context.Context, e watch.Event) error {
	b.mu.Lock()
	defer b.mu.Unlock()
	body, err := bodyOf(e.Body)
	if err != nil {
		return err
	}
	if last, ok := b.seen[e.ID]; ok && last == body.ID {
		return nil
	}
	h := handed{e.ID, e.Account, e.Signal, e.Sequence, e.Change.String(), e.Decision, body}
	line, err := json.Marshal(h)
	if err != nil {
		return err
	}
	if _, err := b.file.Write(append(line, '\n')); err != nil {
		return err
	}
	b.take(h)
	return nil
}

// take is what a line does. Of the decisions on an account the one with the latest At stands, in
// whatever order they come.
func (b *inbox) take(h handed) {
	if _, ok := b.seen[h.ID]; !ok {
		b.all = append(b.all, h)
	}
	b.seen[h.ID] = h.Body.ID
	if h.Body.At.After(b.stands[h.Account].At) {
		b.stands[h.Account] = h.Body
	}
}

// bodyOf reads what it needs of a decision, and no further: the two are near its beginning.
func bodyOf(decision []byte) (c carried, err error) {
	d := json.NewDecoder(bytes.NewReader(decision))
	if _, err := d.Token(); err != nil {
		return c, err
	}
	for d.More() && (c.ID == uuid.Nil || c.At.IsZero()) {
		key, err := d.Token()
		if err != nil {
			return c, err
		}
		var to any = new(json.RawMessage)
		switch key {
		case "decision":
			to = &c.ID
		case "at":
			to = &c.At
		}
		if err := d.Decode(to); err != nil {
			return c, err
		}
	}
	return c, nil
}

// sum is what all changes together come to, and how many did not follow from those before.
func (b *inbox) sum() (out reply) {
	b.mu.Lock()
	defer b.mu.Unlock()
	type key struct {
		account string
		signal  uuid.UUID
	}
	live := map[key]uint64{}
	decisions := map[uuid.UUID]bool{}
	for _, h := range b.all {
		k := key{h.Account, h.Signal}
		was, has := live[k]
		switch h.Change {
		case watch.Matched.String():
			if has {
				out.Violations++
			}
			live[k] = h.Sequence
		case watch.Reconsidered.String(): // of no signal
		case watch.Revised.String():
			if !has || h.Sequence <= was {
				out.Violations++
			}
			live[k] = h.Sequence
		default:
			if !has {
				out.Violations++
			}
			if h.Change == watch.Withdrawn.String() {
				out.Withdrawn++
			}
			delete(live, k)
		}
		decisions[h.Decision] = true
	}
	for k, sequence := range live {
		out.Matches = append(out.Matches, matchLine(k.account, k.signal, sequence))
	}
	slices.Sort(out.Matches)
	out.Events, out.Decisions = len(b.all), len(decisions)
	return out
}

// decided counts the decisions about each account.
func (b *inbox) decided() map[string]int {
	b.mu.Lock()
	defer b.mu.Unlock()
	by := map[string]map[uuid.UUID]bool{}
	for _, h := range b.all {
		if by[h.Account] == nil {
			by[h.Account] = map[uuid.UUID]bool{}
		}
		by[h.Account][h.Decision] = true
	}
	n := map[string]int{}
	for account, all := range by {
		n[account] = len(all)
	}
	return n
}

func matchLine(account string, signal uuid.UUID, sequence uint64) string {
	return fmt.Sprint(account, " ", signal, " ", sequence)
}

func (b *inbox) close() error { return b.file.Close() }
