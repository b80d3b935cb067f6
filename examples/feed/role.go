package main

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"sync/atomic"
	"time"

	"github.com/hueandcry/hueandcry/abuse/sqlstore"
)

const (
	roleTransmitter = "transmitter"
	roleReceiver    = "receiver"
)

// request is a command to a service. At is the time that its clock shows from then on.
type request struct {
	Op      string   `json:"op"`
	At      int64    `json:"at"`
	Address string   `json:"address,omitempty"` // of the transmitter
	Say     []saying `json:"say,omitempty"`
	Epoch   uint32   `json:"epoch,omitempty"`
	First   int      `json:"first,omitempty"` // of persons, with Count
	Count   int      `json:"count,omitempty"`
}

// reply is the acknowledgement: what was asked for is done, and durable.
type reply struct {
	Error      string   `json:"error,omitempty"`
	Address    string   `json:"address,omitempty"`
	CPU        float64  `json:"cpu"`             // seconds of the process
	Bytes      int64    `json:"bytes,omitempty"` // of batches, since the process began
	Matches    []string `json:"matches,omitempty"`
	Events     int      `json:"events,omitempty"`
	Decisions  int      `json:"decisions,omitempty"`
	Withdrawn  int      `json:"withdrawn,omitempty"`
	Violations int      `json:"violations,omitempty"`
	Position   uint64   `json:"position,omitempty"`
	Feeds      int      `json:"feeds,omitempty"`
	Due        bool     `json:"due,omitempty"`
	Epoch      uint32   `json:"epoch,omitempty"`
	Rechecks   int      `json:"rechecks,omitempty"`
}

// service is a role in a process.
type service interface {
	do(ctx context.Context, r request) (reply, error)
	close(ctx context.Context) error
}

// setClock is a clock that requests set.
type setClock struct{ at atomic.Int64 }

func (c *setClock) now() time.Time { return time.Unix(c.at.Load(), 0).UTC() }

// openRole starts a service on what an earlier one has left.
func openRole(ctx context.Context, o *options) (service, error) {
	w, err := newWorld(o)
	if err != nil {
		return nil, err
	}
	address := o.store
	if address == "" {
		address = "sqlite:" + filepath.Join(o.dir, o.role+".sqlite")
	}
	store, err := sqlstore.Open(ctx, address)
	if err != nil {
		return nil, err
	}
	var s service
	if o.role == roleTransmitter {
		s, err = newTransmitter(ctx, w, o, store)
	} else {
		s, err = newReceiver(ctx, w, o, store)
	}
	if err != nil {
		return nil, errors.Join(err, store.Close())
	}
	return s, nil
}

// serveRole is a service that is commanded on standard input, a JSON object a line, until that ends.
func serveRole(ctx context.Context, o *options, in io.Reader, out io.Writer) error {
	s, err := openRole(ctx, o)
	if err != nil {
		return err
	}
	lines := bufio.NewReader(in)
	answers := json.NewEncoder(out)
	if err := answers.Encode(reply{}); err != nil {
		return err
	}
	for {
		line, err := lines.ReadBytes('\n')
		if errors.Is(err, io.EOF) {
			return s.close(ctx)
		}
		var req request
		if err == nil {
			err = json.Unmarshal(line, &req)
		}
		if err != nil {
			return err
		}
		if err := answers.Encode(answer(ctx, s, req)); err != nil {
			return err
		}
	}
}

func answer(ctx context.Context, s service, req request) reply {
	out, err := s.do(ctx, req)
	if err != nil {
		out = reply{Error: err.Error()}
	}
	out.CPU = cpuSeconds()
	return out
}

// party is a service as the driver has it, in this process or in another.
type party struct {
	o    options
	env  []string // of its process
	here service
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Reader

	cpu   float64 // of the process when it last answered
	bytes int64   // of batches, likewise
}

var errDied = errors.New("the process has died")

func (p *party) start(ctx context.Context) (err error) {
	p.cpu, p.bytes = 0, 0
	if !p.o.processes {
		p.here, err = openRole(ctx, &p.o)
		return err
	}
	self, err := os.Executable()
	if err != nil {
		return err
	}
	p.cmd = exec.Command(self, "-role", p.o.role, "-dir", p.o.dir, "-store", p.o.store, "-protocol", p.o.protocol,
		"-epoch-days", fmt.Sprint(p.o.epochDays), "-seed", fmt.Sprint(p.o.seed), "-at", fmt.Sprint(p.o.at))
	p.cmd.Env = append(append(os.Environ(), roleVariable+"=1"), p.env...)
	p.cmd.Stderr = os.Stderr
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return err
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return err
	}
	p.out = bufio.NewReaderSize(out, 1<<16)
	if err := p.cmd.Start(); err != nil {
		return err
	}
	_, err = p.read()
	return err
}

// roleVariable tells a test binary that it is to be a role.
const roleVariable = "HUEANDCRY_FEED_ROLE"

// call gives a command and waits until it is done. [errDied] says that it may be done or not.
func (p *party) call(ctx context.Context, req request) (reply, error) {
	if p.here != nil {
		out := answer(ctx, p.here, req)
		return out, replied(out)
	}
	if p.cmd == nil {
		return reply{}, errDied
	}
	line, err := json.Marshal(req)
	if err != nil {
		return reply{}, err
	}
	if _, err := p.in.Write(append(line, '\n')); err != nil {
		return reply{}, errDied
	}
	return p.read()
}

func (p *party) read() (out reply, err error) {
	line, err := p.out.ReadBytes('\n')
	if err != nil || json.Unmarshal(line, &out) != nil {
		return reply{}, errDied
	}
	return out, replied(out)
}

func replied(out reply) error {
	if out.Error != "" {
		return errors.New(out.Error)
	}
	return nil
}

// kill stops a process without warning. In this process, where that cannot be, the service is dropped
// between two commands.
func (p *party) kill(ctx context.Context) error {
	if p.here != nil {
		here := p.here
		p.here = nil
		return here.close(ctx)
	}
	if p.cmd == nil {
		return nil
	}
	_ = p.cmd.Process.Kill() // it may be dead already
	_ = p.cmd.Wait()         // and says that it was killed
	p.cmd = nil
	return nil
}

// stop ends it in order.
func (p *party) stop(ctx context.Context) error {
	if p.cmd == nil {
		return p.kill(ctx)
	}
	err := errors.Join(p.in.Close(), p.cmd.Wait())
	p.cmd = nil
	return err
}
