package client

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

const patienceOfTests = time.Minute

// realServer is the executable that REFINERY_BINARY names, with a folder for its jobs.
type realServer struct {
	address, socket, data string
	process               *exec.Cmd
}

func startServer(t *testing.T) *realServer {
	t.Helper()
	if os.Getenv("REFINERY_BINARY") == "" {
		t.Skip("REFINERY_BINARY does not name a refinery executable")
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	folder := t.TempDir()
	server := &realServer{
		address: listener.Addr().String(), socket: "unix:" + filepath.Join(folder, "socket"),
		data: filepath.Join(folder, "data"),
	}
	server.start(t)
	t.Cleanup(server.kill)
	return server
}

// start returns once the server listens.
func (s *realServer) start(t *testing.T) {
	t.Helper()
	s.process = exec.Command(
		os.Getenv("REFINERY_BINARY"), "serve", "--listen", s.socket, "--listen", s.address, "--data", s.data,
		"--default-model", "tiny-base")
	log, err := s.process.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.process.Start(); err != nil {
		t.Fatal(err)
	}
	ready := make(chan struct{})
	var said strings.Builder
	go func() {
		lines := bufio.NewScanner(log)
		for lines.Scan() {
			fmt.Fprintln(&said, lines.Text())
			if strings.Contains(lines.Text(), "listening on "+s.address) {
				close(ready)
				break
			}
		}
		_, _ = io.Copy(io.Discard, log)
	}()
	select {
	case <-ready:
	case <-time.After(patienceOfTests):
		t.Fatalf("the server does not listen:\n%s", said.String())
	}
}

func (s *realServer) kill() {
	_ = s.process.Process.Kill()
	_ = s.process.Wait()
}

func (s *realServer) client(t *testing.T, options Options) *Client {
	t.Helper()
	return dialed(t, s.address, options)
}

func dialed(t *testing.T, address string, options Options) *Client {
	t.Helper()
	client, err := Dial(address, options)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { client.Close() })
	return client
}
