module refinery/client

go 1.19

require (
	github.com/containerd/ttrpc v1.1.1
	google.golang.org/grpc v1.31.0
	google.golang.org/protobuf v1.28.1
)
