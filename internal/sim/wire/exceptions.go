package wire

// A service is how one service is spoken to. This file is the only place that
// knows what the SDK's Go types do not say.
type service struct {
	pkg     string // the last element of the SDK package's path
	signing string // in the credential scope

	// AWS JSON: the prefix of X-Amz-Target, the media type, whether members
	// begin with a capital, and the code for a member that is missing.
	target  string
	media   string
	capital bool
	missing string

	// AWS query: version and namespace.
	version, namespace string
}

// Source: metadata and shapes of the service models
// (https://github.com/aws/aws-sdk-go-v2/tree/main/codegen/sdk-codegen/aws-models).
var services = []service{
	{pkg: "ecs", signing: "ecs", target: "AmazonEC2ContainerServiceV20141113", media: "application/x-amz-json-1.1", missing: "InvalidParameterException"},
	{pkg: "ecr", signing: "ecr", target: "AmazonEC2ContainerRegistry_V20150921", media: "application/x-amz-json-1.1", missing: "InvalidParameterException"},
	{pkg: "cloudwatchlogs", signing: "logs", target: "Logs_20140328", media: "application/x-amz-json-1.1", missing: "InvalidParameterException"},
	{pkg: "secretsmanager", signing: "secretsmanager", target: "secretsmanager", media: "application/x-amz-json-1.1", capital: true, missing: "ValidationException"},
	{pkg: "ssm", signing: "ssm", target: "AmazonSSM", media: "application/x-amz-json-1.1", capital: true, missing: "ValidationException"},
	{pkg: "cloudformation", signing: "cloudformation", version: "2010-05-15", namespace: "http://cloudformation.amazonaws.com/doc/2010-05-15/", missing: "ValidationError"},
	{pkg: "elasticloadbalancingv2", signing: "elasticloadbalancing", version: "2015-12-01", namespace: "http://elasticloadbalancing.amazonaws.com/doc/2015-12-01/", missing: "ValidationError"},
	{pkg: "sts", signing: "sts", version: "2011-06-15", namespace: "https://sts.amazonaws.com/doc/2011-06-15/", missing: "ValidationError"},
	{pkg: "iam", signing: "iam", version: "2010-05-08", namespace: "https://iam.amazonaws.com/doc/2010-05-08/", missing: "ValidationError"},
	{pkg: "applicationautoscaling", signing: "application-autoscaling", target: "AnyScaleFrontendService", media: "application/x-amz-json-1.1", capital: true, missing: "ValidationException"},
	{pkg: "lambda", signing: "lambda", media: "application/json", capital: true, missing: "InvalidParameterValueException"},
	{pkg: "s3", signing: "s3", namespace: "http://s3.amazonaws.com/doc/2006-03-01/"},
}

// memberNames are the members that are not written like the rest of their
// service's.
var memberNames = map[string]string{
	"ecr/types.Tag.Key":   "Key",
	"ecr/types.Tag.Value": "Value",
}

// noResult are the query operations whose answers hold no result element,
// because the model gives them no output.
var noResult = map[string]bool{
	"cloudformation.CancelUpdateStack": true,
	"cloudformation.DeleteStack":       true,
	"cloudformation.SetStackPolicy":    true,
	"cloudformation.SignalResource":    true,
}

// wholeSeconds are the query services that send times without milliseconds.
var wholeSeconds = map[string]bool{"sts": true, "iam": true}

// jsonRoutes are the operations of REST services that speak JSON, by method and
// path.
var jsonRoutes = map[string]string{
	"GET /2015-03-31/functions": "ListFunctions",
}

// A route binds requests of S3's REST protocol to an operation. The first that
// fits decides.
type route struct {
	method string
	level  int    // 0 the service, 1 a bucket, 2 an object
	query  string // a subresource that must be there
	header string // a header that must be there
	name   string // operation
	status int    // of success

	payload string // input member that the body's XML is
	root    string // element of the answer's body; none without
	member  string // output member that is the body, where the output is not
}

var routes = []route{
	{method: "GET", level: 0, name: "ListBuckets", status: 200, root: "ListAllMyBucketsResult"},
	{method: "PUT", level: 1, name: "CreateBucket", status: 200, payload: "CreateBucketConfiguration"},
	{method: "DELETE", level: 1, name: "DeleteBucket", status: 204},
	{method: "HEAD", level: 1, name: "HeadBucket", status: 200},
	{method: "GET", level: 1, query: "location", name: "GetBucketLocation", status: 200, root: "LocationConstraint", member: "LocationConstraint"},
	{method: "GET", level: 1, query: "list-type", name: "ListObjectsV2", status: 200, root: "ListBucketResult"},
	{method: "POST", level: 1, query: "delete", name: "DeleteObjects", status: 200, payload: "Delete", root: "DeleteResult"},
	{method: "PUT", level: 2, header: "X-Amz-Copy-Source", name: "CopyObject", status: 200, root: "CopyObjectResult", member: "CopyObjectResult"},
	{method: "PUT", level: 2, name: "PutObject", status: 200},
	{method: "GET", level: 2, name: "GetObject", status: 200},
	{method: "HEAD", level: 2, name: "HeadObject", status: 200},
	{method: "DELETE", level: 2, name: "DeleteObject", status: 204},
}

// subresources are the parts of buckets and objects that a request can mean
// instead of the thing itself.
var subresources = []string{"accelerate", "acl", "analytics", "attributes", "cors", "delete", "encryption", "intelligent-tiering", "inventory",
	"legal-hold", "lifecycle", "list-type", "location", "logging", "metrics", "notification", "object-lock", "ownershipControls", "policy", "policyStatus",
	"publicAccessBlock", "renameObject", "replication", "requestPayment", "restore", "retention", "select", "session", "tagging", "torrent", "uploadId",
	"uploads", "versioning", "versions", "website"}

// restNames are members whose element in S3's XML is not their own name.
var restNames = map[string]string{"Objects": "Object", "Errors": "Error"}

// restWrapped are the lists in S3's XML that have an element around the items,
// with the items' name; all others are flat.
var restWrapped = map[string]string{"Buckets": "Bucket"}

// headers are the members of S3's answers whose header is not
// x-amz- and their name.
var headers = map[string]string{"AcceptRanges": "Accept-Ranges", "CacheControl": "Cache-Control", "ContentDisposition": "Content-Disposition",
	"ContentEncoding": "Content-Encoding", "ContentLanguage": "Content-Language", "ContentLength": "Content-Length", "ContentRange": "Content-Range",
	"ContentType": "Content-Type", "ETag": "ETag", "LastModified": "Last-Modified", "Location": "Location"}

func byName(signing string) *service {
	for i := range services {
		if services[i].signing == signing && signing != "" {
			return &services[i]
		}
	}
	return nil
}

func byTarget(prefix string) *service {
	for i := range services {
		if services[i].target == prefix && prefix != "" {
			return &services[i]
		}
	}
	return nil
}

func byVersion(version string) *service {
	for i := range services {
		if services[i].version == version && version != "" {
			return &services[i]
		}
	}
	return nil
}
