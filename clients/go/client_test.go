package client

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/protobuf/proto"

	"refinery/client/internal/wirepb"
	pb "refinery/client/refinerypb"
)

func small() *pb.GenerateRequest {
	return &pb.GenerateRequest{
		PositivePrompt: "a red fox", Width: proto.Uint32(64), Height: proto.Uint32(64),
		Steps: proto.Uint32(4), Seed: proto.Int64(7),
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}

// The short calls go over the packaged github.com/containerd/ttrpc.
func TestShortCalls(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), patienceOfTests)
	defer cancel()
	server := startServer(t)
	client := server.client(t, Options{Token: "any"})

	_, err := dialed(t, server.socket, Options{}).Ping(ctx, nil)
	must(t, err)
	reply, err := client.Ping(ctx, []byte("hello"))
	must(t, err)
	if string(reply) != "hello" {
		t.Errorf("Ping answered %q", reply)
	}
	isServing, err := client.IsServing(ctx, "refinery.v1.ImageGeneration")
	must(t, err)
	info, err := client.Info(ctx)
	must(t, err)
	models, err := client.Models(ctx)
	must(t, err)
	if !isServing || info.Version == "" || len(models) < 2 {
		t.Errorf("serving %v, %v, %d models", isServing, info, len(models))
	}

	job, err := client.Submit(ctx, small())
	must(t, err)
	var picture *pb.Image
	events := client.Watch(ctx, job.Id, 0)
	defer events.Close()
	for {
		event, err := events.Recv()
		if errors.Is(err, io.EOF) {
			break
		}
		must(t, err)
		picture = event.GetImage()
	}
	png, err := client.ReadImage(ctx, job.Id, 0)
	must(t, err)
	if !bytes.Equal(png, picture.GetPng()) {
		t.Error("ReadImage gives other bytes than the event")
	}
	page, err := client.Jobs(ctx, &pb.ListJobsRequest{States: []pb.Job_State{pb.Job_FINISHED}})
	must(t, err)
	if len(page.Jobs) != 1 || page.Jobs[0].Id != job.Id {
		t.Errorf("the jobs are %v", page.Jobs)
	}
	stats, err := client.Stats(ctx)
	must(t, err)
	if stats.Finished != 1 {
		t.Errorf("the counts are %v", stats)
	}

	name, err := client.Upload(ctx, png)
	must(t, err)
	again := small()
	again.SeedImage, again.Strength = name, proto.Float64(0.5)
	image, err := client.GenerateImage(ctx, again, nil)
	must(t, err)
	if image.Summary.BaseSteps != 2 {
		t.Errorf("%d steps were run", image.Summary.BaseSteps)
	}

	_, err = client.Job(ctx, "no such job")
	if CodeOf(err) != codes.NotFound {
		t.Errorf("a job that is not there gives %v", err)
	}
	var refused *Error
	_, err = client.Submit(ctx, &pb.GenerateRequest{PositivePrompt: "a red fox", Steps: proto.Uint32(0)})
	if !errors.As(err, &refused) || refused.Name != "invalidSteps" || len(refused.Fields) != 1 {
		t.Errorf("a bad request gives %v", err)
	}
}

func TestWhatTheServerRefusesForNowIsAskedAgainIfTheCallerWantsIt(t *testing.T) {
	const wait = 300 * time.Millisecond
	busy := statusReply(t, &wirepb.Status{Code: int32(codes.ResourceExhausted), Message: "busy"},
		&pb.ErrorDetail{Code: "tooManyCalls", Retryable: true, RetryAfterMs: uint32(wait.Milliseconds())})
	final := statusReply(t, &wirepb.Status{Code: int32(codes.ResourceExhausted), Message: "too large"},
		&pb.ErrorDetail{Code: "valueTooLarge"})
	pong := responseReply(t, &wirepb.Response{Payload: []byte{}})
	served := replyOf(t, "two stages")
	generate := func(client *Client) error {
		_, err := client.GenerateImage(context.Background(), &pb.GenerateRequest{PositivePrompt: "a red fox"}, nil)
		return err
	}
	ping := func(client *Client) error {
		_, err := client.Ping(context.Background(), nil)
		return err
	}
	for _, entry := range []struct {
		name    string
		call    func(*Client) error
		replies [][]byte
		retry   time.Duration
		code    codes.Code
		waits   time.Duration
	}{
		{"events", generate, [][]byte{busy, busy, served}, time.Minute, codes.OK, 2 * wait},
		{"a short call", ping, [][]byte{busy, pong}, time.Minute, codes.OK, wait},
		{"not asked for", generate, [][]byte{busy, served}, 0, codes.ResourceExhausted, 0},
		{"a short call, not asked for", ping, [][]byte{busy, pong}, 0, codes.ResourceExhausted, 0},
		{"longer than is waited", generate, [][]byte{busy, served}, wait / 2, codes.ResourceExhausted, 0},
		{"for good", generate, [][]byte{final, served}, time.Minute, codes.ResourceExhausted, 0},
	} {
		entry := entry
		t.Run(entry.name, func(t *testing.T) {
			client := dialed(t, scriptedServer(t, entry.replies...), Options{Retry: entry.retry})
			begin := time.Now()
			if err := entry.call(client); CodeOf(err) != entry.code {
				t.Fatal(err)
			}
			if waited := time.Since(begin); waited < entry.waits {
				t.Errorf("it waited %v, and the server had asked for %v", waited, entry.waits)
			}
		})
	}
}

func replyOf(t *testing.T, name string) []byte {
	t.Helper()
	var table []struct{ Name, Bytes string }
	readTable(t, "replies.json", &table)
	for _, entry := range table {
		if entry.Name == name {
			reply, err := hex.DecodeString(entry.Bytes)
			must(t, err)
			return reply
		}
	}
	t.Fatalf("the table has no reply %q", name)
	return nil
}

func statusReply(t *testing.T, status *wirepb.Status, detail *pb.ErrorDetail) []byte {
	t.Helper()
	value, err := proto.Marshal(detail)
	must(t, err)
	status.Details = []*wirepb.Any{{TypeUrl: detailURL, Value: value}}
	return responseReply(t, &wirepb.Response{Status: status})
}

// responseReply is the Response frame of the first call on a connection.
func responseReply(t *testing.T, response *wirepb.Response) []byte {
	t.Helper()
	payload, err := proto.Marshal(response)
	must(t, err)
	frame := make([]byte, headerByteCount, headerByteCount+len(payload))
	binary.BigEndian.PutUint32(frame, uint32(len(payload)))
	binary.BigEndian.PutUint32(frame[4:], 1)
	frame[8] = typeResponse
	return append(frame, payload...)
}

// Both are the endings of one run of the base.
func TestPicturesAreComparedByBranchAndSeed(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), patienceOfTests)
	defer cancel()
	client := startServer(t).client(t, Options{})
	request := small()
	request.NumberResults = proto.Uint32(2)
	request.Refiner = &pb.Refiner{Model: "tiny-refiner"}
	request.Branches = []*pb.Branch{{}, {Refiner: &pb.Refiner{StartStep: proto.Uint32(3)}}}
	pictures, err := client.Compare(ctx, request, nil)
	must(t, err)
	for branch, seeds := range pictures {
		for index, image := range seeds {
			alone := small()
			alone.Seed = proto.Int64(7 + int64(index))
			if branch == 1 {
				alone.Refiner = &pb.Refiner{Model: "tiny-refiner", StartStep: proto.Uint32(3)}
			}
			same, err := client.GenerateImage(ctx, alone, nil)
			must(t, err)
			if !bytes.Equal(image.Png, same.Png) {
				t.Errorf("branch %d, picture %d is not that of a request of its own", branch, index)
			}
		}
	}
	if len(pictures) != 2 || len(pictures[0]) != 2 || len(pictures[1]) != 2 {
		t.Errorf("there are %d branches of %d and %d pictures", len(pictures), len(pictures[0]), len(pictures[1]))
	}
	if _, err := client.Compare(ctx, small(), nil); err == nil {
		t.Error("nothing is compared with nothing")
	}
}

func TestAPausedJobIsPausedAgainAndThrownAway(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), patienceOfTests)
	defer cancel()
	client := startServer(t).client(t, Options{})
	request := small()
	request.Refiner = &pb.Refiner{Model: "tiny-refiner", StartStep: proto.Uint32(3)}
	request.PauseAt = AfterStep(1)
	var jobID string
	preview, err := client.GenerateImage(ctx, request, func(event *pb.Event) { jobID = event.JobId })
	must(t, err)
	if preview.PausedStep != 1 {
		t.Errorf("it paused after step %d", preview.PausedStep)
	}
	// The same call under its id is the same job.
	resume := &pb.ResumeJobRequest{JobId: jobID, RequestId: "later", PauseAt: AtHandoff()}
	for attempt := 0; attempt < 2; attempt++ {
		job, err := client.Resume(ctx, resume)
		must(t, err)
		if job.Id != "later" || job.Resumes != jobID {
			t.Errorf("the job is %v", job)
		}
	}
	checkState(t, client, "later", "PAUSED")
	job, err := client.Cancel(ctx, "later", pb.CancelJobRequest_DISCARD)
	must(t, err)
	if job.State != pb.Job_CANCELLED {
		t.Errorf("thrown away, it is %v", job.State)
	}
	var refused *Error
	if _, err = client.Resume(ctx, &pb.ResumeJobRequest{JobId: "later"}); !errors.As(err, &refused) {
		t.Errorf("a job that was thrown away goes on: %v", err)
	}
}

func TestATokenIsAskedAbout(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), patienceOfTests)
	defer cancel()
	t.Setenv("REFINERY_TOKENS", "alice alice-0123456789")
	server := startServer(t)
	tenant, err := server.client(t, Options{Token: "alice-0123456789"}).Authenticate(ctx)
	must(t, err)
	if tenant != "alice" {
		t.Errorf("the server takes alice for %q", tenant)
	}
	for _, token := range []string{"", "mallory-0123456789"} {
		if _, err := server.client(t, Options{Token: token}).Authenticate(ctx); CodeOf(err) != codes.Unauthenticated {
			t.Errorf("the token %q gives %v", token, err)
		}
	}
}

func TestAllJobsAreWatched(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), patienceOfTests)
	defer cancel()
	client := startServer(t).client(t, Options{})
	events := client.WatchAll(ctx)
	defer events.Close()
	job, err := client.Submit(ctx, small())
	must(t, err)
	for {
		event, err := events.Recv()
		must(t, err)
		if ended := event.GetEnded(); event.JobId == job.Id && ended != nil {
			if ended.State != pb.Job_FINISHED {
				t.Errorf("the job ended as %v", ended)
			}
			return
		}
	}
}

func TestTheShortCallsComeBackAfterARestart(t *testing.T) {
	ctx, cancel := context.WithTimeout(context.Background(), patienceOfTests)
	defer cancel()
	server := startServer(t)
	client := server.client(t, Options{})
	job, err := client.Submit(ctx, small())
	must(t, err)
	server.kill()
	server.start(t)
	// The call that finds the connection broken may fail; the next has a new one.
	if _, err := client.Job(ctx, job.Id); err != nil && CodeOf(err) != codes.Unavailable {
		t.Fatal(err)
	}
	_, err = client.Job(ctx, job.Id)
	must(t, err)
}

func TestNobodyListening(t *testing.T) {
	var unreachable *UnreachableError
	if _, err := Dial("127.0.0.1:1", Options{ConnectTimeout: time.Second}); !errors.As(err, &unreachable) {
		t.Errorf("dialling nobody gives %v", err)
	}
}

func TestNoJobIDIsNoJob(t *testing.T) {
	client := &Client{}
	if _, err := client.Watch(context.Background(), "", 0).Recv(); err == nil {
		t.Error("an empty id watches something")
	}
}

func TestTheExampleOfTheGuide(t *testing.T) {
	folder := t.TempDir()
	program := filepath.Join(folder, "stream")
	build := exec.Command("go", "build", "-o", program, "./examples/stream")
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	run := exec.Command(program)
	run.Dir = folder
	run.Env = append(os.Environ(), "REFINERY_SERVER="+startServer(t).address)
	said, err := run.CombinedOutput()
	if err != nil {
		t.Fatalf("%v\n%s", err, said)
	}
	for _, line := range []string{"BASE 16 of 20", "REFINER 20 of 20"} {
		if !bytes.Contains(said, []byte(line)) {
			t.Errorf("it did not say %q but\n%s", line, said)
		}
	}
	if png, err := os.ReadFile(filepath.Join(folder, "fox.png")); err != nil || !bytes.HasPrefix(png, []byte("\x89PNG")) {
		t.Errorf("it left no picture: %v", err)
	}
}
