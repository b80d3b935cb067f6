package main

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/hueandcry/hueandcry/linkage"
)

// terminal reports whether what is written there is seen by somebody at once.
func terminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

const (
	redrawn = 100 * time.Millisecond // at most so often
	cells   = 10                     // of the bar of each party
)

// bar is one line on a terminal that shows how far both parties are. It is drawn
// with nothing but carriage returns, which every terminal knows. Elsewhere nothing
// is drawn.
type bar struct {
	w io.Writer // nil: draws nothing

	mu    sync.Mutex
	text  map[linkage.Role]string
	drawn time.Time
	width int // of what is on the line
}

func newBar(w io.Writer, terminal bool) *bar {
	b := &bar{text: map[linkage.Role]string{}}
	if terminal {
		b.w = w
	}
	return b
}

// of makes what a session tells its progress to; nil where nothing is drawn.
func (b *bar) of(role linkage.Role) func(linkage.Progress) {
	if b.w == nil {
		return nil
	}
	return func(p linkage.Progress) {
		b.mu.Lock()
		defer b.mu.Unlock()
		part := 1.0
		if p.Total > 0 {
			part = min(1, max(0, float64(p.Done)/float64(p.Total)))
		}
		full := int(part * cells)
		b.text[role] = fmt.Sprintf("%s [%s%s] %3.0f %% %s", role,
			strings.Repeat("#", full), strings.Repeat(".", cells-full), 100*part, p.Round)
		if time.Since(b.drawn) >= redrawn || p.Done >= p.Total {
			b.draw(strings.TrimSpace(b.text[linkage.Receiver] + "  " + b.text[linkage.Transmitter]))
		}
	}
}

// say shows what is done before and after the session.
func (b *bar) say(text string) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.draw(text)
}

// draw needs the lock.
func (b *bar) draw(text string) {
	if b.w == nil {
		return
	}
	fmt.Fprintf(b.w, "\r%-*s", b.width, text)
	b.width, b.drawn = len(text), time.Now()
}

// clear leaves the line as if nothing had been there.
func (b *bar) clear() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.width > 0 {
		b.draw("")
		fmt.Fprint(b.w, "\r")
	}
}
