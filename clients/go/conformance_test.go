package client

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/encoding/protojson"
	"google.golang.org/protobuf/proto"

	pb "refinery/client/refinerypb"
)

// The table that all clients share: clients/conformance.

type scenario struct {
	Name           string
	Request        json.RawMessage
	Events         string
	BaseSteps      *uint32 `json:"base_steps"`
	RefinerSteps   *uint32 `json:"refiner_steps"`
	IsCutShort     bool    `json:"is_cut_short"`
	ReadAgain      bool    `json:"read_again"`
	LeaveAt        string  `json:"leave_at"`
	CancelAt       string  `json:"cancel_at"`
	Outcome        string
	KillAt         string  `json:"kill_at"`
	TimeoutSeconds float64 `json:"timeout_seconds"`
	Status         string
	Code           string
	Fields         []string
	JobState       string `json:"job_state"`
	PausedStep     uint32 `json:"paused_step"`
	Resume         *resumption
}

type resumption struct {
	With         json.RawMessage
	Events       string
	BaseSteps    *uint32         `json:"base_steps"`
	RefinerSteps *uint32         `json:"refiner_steps"`
	SameAs       json.RawMessage `json:"same_as"`
}

func readTable(t *testing.T, name string, into interface{}) {
	t.Helper()
	folder := os.Getenv("REFINERY_CONFORMANCE")
	if folder == "" {
		folder = "../conformance"
	}
	data, err := os.ReadFile(filepath.Join(folder, name))
	if err == nil {
		err = json.Unmarshal(data, into)
	}
	if err != nil {
		t.Fatal(err)
	}
}

// readRequest takes the table's form of a request: pause_at is a step or "handoff".
func readRequest(data []byte, into proto.Message) error {
	fields := map[string]interface{}{}
	if err := json.Unmarshal(data, &fields); err != nil {
		return err
	}
	switch point := fields["pause_at"].(type) {
	case float64:
		fields["pause_at"] = map[string]interface{}{"step": point}
	case string:
		fields["pause_at"] = map[string]interface{}{point: true}
	}
	data, err := json.Marshal(fields)
	if err != nil {
		return err
	}
	return protojson.Unmarshal(data, into)
}

func letterOf(event *pb.Event) string {
	switch content := event.Content.(type) {
	case *pb.Event_Accepted:
		return "a"
	case *pb.Event_Queued:
		return "q"
	case *pb.Event_HandedOff:
		return "h"
	case *pb.Event_Image:
		return "I"
	case *pb.Event_Resumed:
		return "R"
	case *pb.Event_Progress:
		return map[pb.Phase]string{
			pb.Phase_TEXT_ENCODING: "t", pb.Phase_IMAGE_ENCODING: "i", pb.Phase_BASE: "b",
			pb.Phase_REFINER: "r", pb.Phase_DECODING: "d",
		}[content.Progress.Phase]
	}
	return "?"
}

// nameOf is a status as the table has it, INVALID_ARGUMENT rather than InvalidArgument.
func nameOf(code codes.Code) string {
	if code == codes.Canceled {
		return "CANCELLED"
	}
	words := regexp.MustCompile(`([a-z])([A-Z])`).ReplaceAllString(code.String(), "${1}_$2")
	return strings.ToUpper(words)
}

func TestScenarios(t *testing.T) {
	server := startServer(t)
	var table struct{ Scenarios []scenario }
	readTable(t, "scenarios.json", &table)
	for _, scenario := range table.Scenarios {
		scenario := scenario
		t.Run(scenario.Name, func(t *testing.T) { scenario.run(t, server) })
	}
}

func (s scenario) run(t *testing.T, server *realServer) {
	ctx := context.Background()
	client := server.client(t, Options{})
	request := &pb.GenerateRequest{}
	must(t, readRequest(s.Request, request))
	jobCtx, cancel := ctx, func() {}
	if s.TimeoutSeconds > 0 {
		limit := time.Duration(s.TimeoutSeconds * float64(time.Second))
		jobCtx, cancel = context.WithTimeout(ctx, limit)
	}
	defer cancel()
	events := client.Generate(jobCtx, request)
	defer events.Close()

	var seen []*pb.Event
	letters := ""
	left, killed, cancelled := false, false, false
	var end error
	for !left {
		event, err := events.Recv()
		if err != nil {
			end = err
			break
		}
		if len(seen) > 0 && event.Sequence <= seen[len(seen)-1].Sequence {
			t.Errorf("event %d came after %d", event.Sequence, seen[len(seen)-1].Sequence)
		}
		seen, letters = append(seen, event), letters+letterOf(event)
		switch letter := letterOf(event); {
		case letter == s.LeaveAt:
			left = true
		case letter == s.KillAt && !killed:
			killed = true
			server.kill()
			server.start(t)
		case letter == s.CancelAt && event.GetProgress().GetStep() > 0 && !cancelled:
			cancelled = true
			outcome := pb.CancelJobRequest_Outcome(pb.CancelJobRequest_Outcome_value[s.Outcome])
			if _, err := client.Cancel(ctx, event.JobId, outcome); err != nil {
				t.Fatal(err)
			}
		}
	}
	events.Close()

	if s.Status == "" {
		s.Status = "OK"
	}
	if got := nameOf(CodeOf(end)); got != s.Status {
		t.Fatalf("the job ended with %s (%v), not %s", got, end, s.Status)
	}
	var refused *Error
	if errors.As(end, &refused) {
		if s.Code != "" && refused.Name != s.Code || s.Fields != nil && !reflect.DeepEqual(refused.Fields, s.Fields) {
			t.Errorf("refused with %s %v, not %s %v", refused.Name, refused.Fields, s.Code, s.Fields)
		}
	} else if s.Code != "" {
		t.Errorf("%v has no code", end)
	}
	if left != (s.LeaveAt != "") || killed != (s.KillAt != "") || cancelled != (s.CancelAt != "") {
		t.Errorf("left %v, killed %v, cancelled %v", left, killed, cancelled)
	}
	if s.Events != "" {
		if !regexp.MustCompile(s.Events).MatchString(letters) {
			t.Fatalf("the events were %s, not %s", letters, s.Events)
		}
		s.checkPicture(t, client, seen[len(seen)-1])
	}
	if s.JobState != "" {
		checkState(t, client, seen[0].JobId, s.JobState)
	}
	if s.Resume != nil {
		s.Resume.run(t, client, seen[0].JobId)
	}
}

func (r *resumption) run(t *testing.T, client *Client, jobID string) {
	ctx := context.Background()
	request, same := &pb.ResumeJobRequest{}, &pb.GenerateRequest{}
	must(t, readRequest(r.With, request))
	must(t, readRequest(r.SameAs, same))
	request.JobId = jobID
	job, err := client.Resume(ctx, request)
	must(t, err)
	if job.Resumes != jobID {
		t.Errorf("the job resumes %q, not %q", job.Resumes, jobID)
	}
	events := client.Watch(ctx, job.Id, 0)
	defer events.Close()
	letters := ""
	var image *pb.Image
	for {
		event, err := events.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		letters, image = letters+letterOf(event), event.GetImage()
	}
	if !regexp.MustCompile(r.Events).MatchString(letters) {
		t.Fatalf("the resumed job's events were %s, not %s", letters, r.Events)
	}
	checkSteps(t, image.GetSummary(), r.BaseSteps, r.RefinerSteps)
	whole, err := client.GenerateImage(ctx, same, nil)
	must(t, err)
	if !bytes.Equal(image.Png, whole.Png) {
		t.Error("the resumed job's picture is not that of the whole request")
	}
}

func (s scenario) checkPicture(t *testing.T, client *Client, event *pb.Event) {
	image := event.GetImage()
	if digest := sha256.Sum256(image.GetPng()); !bytes.Equal(digest[:], image.GetSha256()) {
		t.Error("the picture's SHA-256 is another")
	}
	summary := image.GetSummary()
	if summary.GetIsCutShort() != s.IsCutShort {
		t.Errorf("is_cut_short is %v", summary.GetIsCutShort())
	}
	if image.GetPausedStep() != s.PausedStep {
		t.Errorf("the job is paused after step %d, not %d", image.GetPausedStep(), s.PausedStep)
	}
	checkSteps(t, summary, s.BaseSteps, s.RefinerSteps)
	if s.ReadAgain {
		png, err := client.ReadImage(context.Background(), event.JobId, 0)
		if err != nil || !bytes.Equal(png, image.GetPng()) {
			t.Errorf("read again, the picture is another (%v)", err)
		}
	}
}

func checkSteps(t *testing.T, summary *pb.Summary, base, refiner *uint32) {
	t.Helper()
	if base != nil && summary.GetBaseSteps() != *base || refiner != nil && summary.GetRefinerSteps() != *refiner {
		t.Errorf("the base ran %d steps, the refiner %d", summary.GetBaseSteps(), summary.GetRefinerSteps())
	}
}

// checkState waits for a job's end, which takes effect before its next step.
func checkState(t *testing.T, client *Client, jobID, state string) {
	end := time.Now().Add(patienceOfTests)
	for {
		job, err := client.Job(context.Background(), jobID)
		if err != nil {
			t.Fatal(err)
		}
		if job.EndedMs != 0 || time.Now().After(end) {
			if got := job.State.String(); got != state {
				t.Errorf("the job is %s, not %s", got, state)
			}
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
}

func TestReplies(t *testing.T) {
	var table []struct {
		Name, Bytes, Events, Outcome string
		RetryAfterMs                 int64 `json:"retry_after_ms"`
	}
	readTable(t, "replies.json", &table)
	for _, entry := range table {
		entry := entry
		t.Run(entry.Name, func(t *testing.T) {
			reply, err := hex.DecodeString(entry.Bytes)
			if err != nil {
				t.Fatal(err)
			}
			client := dialed(t, scriptedServer(t, reply), Options{Reconnect: -1})
			events := client.Generate(context.Background(), &pb.GenerateRequest{PositivePrompt: "a red fox"})
			defer events.Close()
			letters := ""
			for {
				event, err := events.Recv()
				if err != nil {
					if got := outcomeOf(err); letters != entry.Events || got != entry.Outcome {
						t.Errorf("%s, then %s (%v); not %s, then %s", letters, got, err, entry.Events, entry.Outcome)
					}
					var refused *Error
					if errors.As(err, &refused) && refused.RetryAfter.Milliseconds() != entry.RetryAfterMs {
						t.Errorf("it is to be tried again after %v, not %d ms", refused.RetryAfter, entry.RetryAfterMs)
					}
					return
				}
				letters += letterOf(event)
			}
		})
	}
}

func outcomeOf(err error) string {
	var refused *Error
	var lost *LostError
	switch {
	case errors.As(err, &lost):
		return "lost"
	case errors.Is(err, io.EOF):
		return "OK"
	case errors.As(err, &refused):
		return nameOf(refused.Code)
	}
	return "broken"
}

// scriptedServer answers the request on each connection with the next of these replies, then hangs up; the
// last one again and again.
func scriptedServer(t *testing.T, replies ...[]byte) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	var count int32
	go func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				defer conn.Close()
				// The connection of the short calls may say nothing.
				if n, _ := conn.Read(make([]byte, 1<<16)); n > 0 {
					index := int(atomic.AddInt32(&count, 1)) - 1
					if index >= len(replies) {
						index = len(replies) - 1
					}
					_, _ = conn.Write(replies[index])
				}
			}()
		}
	}()
	return listener.Addr().String()
}
