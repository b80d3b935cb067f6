package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hueandcry/hueandcry/abuse/watch"
	"github.com/hueandcry/hueandcry/linkage"
)

// crowd is the process of the followers.
type crowd struct {
	cmd *exec.Cmd
	in  io.Closer
}

// gather starts the followers in a process of their own, for their memory is not the
// transmitter's, and waits until all are there.
func gather(ctx context.Context, o *options, url string, stderr io.Writer) (*crowd, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	raiseFiles()
	c := &crowd{cmd: exec.CommandContext(ctx, self, "-follow", url, "-followers", strconv.Itoa(o.followers),
		"-seed", strconv.FormatUint(o.seed, 10), "-protocol", o.protocol)}
	c.cmd.Stderr = stderr
	if c.in, err = c.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := c.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := c.cmd.Start(); err != nil {
		return nil, err
	}
	if line, err := bufio.NewReader(out).ReadString('\n'); err != nil || line != "there\n" {
		return nil, errors.Join(errors.New("the followers did not come"), err, c.leave())
	}
	return c, nil
}

// leave sends them home.
func (c *crowd) leave() error {
	_ = c.in.Close()
	var exit *exec.ExitError
	if err := c.cmd.Wait(); err != nil && !errors.As(err, &exit) {
		return err
	}
	return nil
}

// follow is the process of the followers: each waits for a batch far off, again and again, on a
// connection of its own.
func follow(ctx context.Context, w *world, url string, n int, stdout io.Writer) error {
	raiseFiles()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	go func() {
		_, _ = io.Copy(io.Discard, os.Stdin)
		cancel()
	}()
	epoch, _ := w.agreement.Epoch(time.Now())
	feed := linkage.NewFeedID(w.agreement, epoch, []linkage.GenerationID{linkage.LiveGeneration(w.agreement, epoch)})
	var all sync.WaitGroup
	var there, failed atomic.Int64
	gate := make(chan struct{}, 64) // handshakes at a time
	for range n {
		all.Go(func() {
			c, err := watch.NewClient(watch.ClientConfig{URL: url, Agreement: w.agreement, Certificate: w.certs[linkage.Receiver]})
			if err != nil {
				failed.Add(1)
				return
			}
			defer c.Close()
			gate <- struct{}{}
			_, err = c.Latest(ctx, feed, 1<<40, 0)
			<-gate
			if there.Add(1); err != nil {
				failed.Add(1)
				return
			}
			for ctx.Err() == nil {
				if _, err := c.Latest(ctx, feed, 1<<40, watch.MaxWait); err != nil && ctx.Err() == nil {
					failed.Add(1)
				}
			}
		})
	}
	for there.Load() < int64(n) && ctx.Err() == nil {
		time.Sleep(10 * time.Millisecond)
	}
	time.Sleep(time.Second) // until all wait again
	if failed.Load() > 0 {
		cancel()
		all.Wait()
		return fmt.Errorf("%d of the followers failed", failed.Load())
	}
	fmt.Fprintln(stdout, "there")
	all.Wait()
	return nil
}

// residentMB is the memory of this process, 0 where the system does not say.
func residentMB() float64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, rest, _ := strings.Cut(string(status), "VmRSS:")
	var kb float64
	if _, err := fmt.Sscan(rest, &kb); err != nil {
		return 0
	}
	return kb / 1024
}
