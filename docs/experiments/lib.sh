# Read by each experiment. On AWS set nothing; against the simulated account set
# ENDPOINT to its URL, SIMULATED=1 and TICK to how often to look, in seconds.
# shellcheck shell=bash
set -u
lab=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)
export AWS_PAGER="" AWS_DEFAULT_REGION=${AWS_DEFAULT_REGION:-us-east-1}
TICK=${TICK:-10}

aws() { command aws ${ENDPOINT:+--endpoint-url "$ENDPOINT"} --output text "$@"; }
cf() { aws cloudformation "$@"; }

# plain writes an answer in one line, and identifiers as words.
plain() {
  tr '\t\n' '  ' | sed -E 's/.*An error occurred \(([A-Za-z]+)\) when calling the [A-Za-z]+ operation: */refused, \1: /
    s/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/ID/g; s/-[A-Z0-9]{12,13}\b/-SUFFIX/g
    s/\b[0-9]{12}\b/ACCOUNT/g; s/ +/ /g; s/^ //; s/ $//'
}

# said NAME COMMAND...: what a call answers.
said() { local name=$1; shift; printf '%s: %s\n' "$name" "$("$@" 2>&1 | plain)"; }

# quiet COMMAND...: a call whose answer is of no interest unless it is refused.
quiet() { local out; out=$("$@" 2>&1) || printf '%s: %s\n' "${*:1:3}" "$(plain <<<"$out")"; }

with() { local a; for a in "$@"; do printf 'ParameterKey=%s,ParameterValue=%s ' "${a%%=*}" "${a#*=}"; done; }
status() { cf describe-stacks --stack-name "$1" --query 'Stacks[0].StackStatus' 2>/dev/null; }

# rest STACK [NAME]: waits until no operation runs, and says how it ended.
rest() {
  local s
  while s=$(status "$1"); case $s in *IN_PROGRESS) true ;; *) false ;; esac do sleep "$TICK"; done
  echo "${2:-$1}: ${s:-gone}"
}

# reached STACK RESOURCE STATUS: waits until the resource is there, or the operation over.
reached() {
  while case $(status "$1") in *IN_PROGRESS) true ;; *) false ;; esac; do
    [ "$(cf describe-stack-resource --stack-name "$1" --logical-resource-id "$2" --query StackResourceDetail.ResourceStatus 2>/dev/null)" = "$3" ] && return
    sleep "$TICK"
  done
}

# shellcheck disable=SC2046,SC2086 # the parameters are words
make() { local s=$1 t=$2; shift 2; [ -n "$(status "$s")" ] || quiet cf create-stack --stack-name "$s" --template-body "file://$lab/$t" --capabilities CAPABILITY_IAM ${FLAGS:-} --parameters $(with "$@"); rest "$s" >/dev/null; }
# shellcheck disable=SC2046,SC2086
change() { local s=$1 t=$2; shift 2; quiet cf update-stack --stack-name "$s" --template-body "file://$lab/$t" --capabilities CAPABILITY_IAM ${FLAGS:-} --parameters $(with "$@"); }

outputs() { said "$2: outputs" cf describe-stacks --stack-name "$1" --query 'Stacks[0].Outputs[].join(`=`,[OutputKey,OutputValue])'; }
# described ARGUMENTS...: the description of a template; noted STACK: the default of its parameter Note.
described() { cf get-template "$@" --query TemplateBody | sed -n 's/^Description: //p'; }
noted() { cf get-template --stack-name "$1" --query TemplateBody | sed -n 's/.*Note:.*Default: \([a-z-]*\).*/\1/p'; }
argument() { cf describe-stacks --stack-name "$1" --query "Stacks[0].Parameters[?ParameterKey=='$2'].ParameterValue"; }
value() { aws ssm get-parameter --name "$1" --query Parameter.Value; }
of() { cf describe-stacks --stack-name lab-base --query "Stacks[0].Outputs[?OutputKey=='$1'].OutputValue"; }
base() { make lab-base base.yaml; Subnet=$(of Subnet) Role=$(of Role) Images=$(of Images) Templates=$(of Templates); }

# image TAG CONTENT: pushes an image; each content has a digest of its own.
image() {
  if [ -n "${SIMULATED:-}" ]; then
    quiet aws ecr put-image --repository-name lab/app --image-tag "$1" --image-manifest "{\"schemaVersion\":2,\"mediaType\":\"application/vnd.oci.image.index.v1+json\",\"manifests\":[],\"annotations\":{\"content\":\"$2\"}}"
    return
  fi
  aws ecr get-login-password | docker login --username AWS --password-stdin "${Images%%/*}" >/dev/null
  printf 'FROM public.ecr.aws/docker/library/busybox:stable\nLABEL content=%s\n' "$2" | BUILDX_NO_DEFAULT_ATTESTATIONS=1 docker build -q --platform linux/amd64 -t "$Images:$1" - >/dev/null
  docker push -q "$Images:$1" >/dev/null
}
digest() { aws ecr describe-images --repository-name lab/app --image-ids "imageTag=$1" --query 'imageDetails[0].imageDigest'; }
# running SERVICE: the digest of its first task.
running() {
  local task
  task=$(aws ecs list-tasks --cluster lab --service-name "$1" --query 'taskArns[0]')
  aws ecs describe-tasks --cluster lab --tasks "$task" --query 'tasks[0].containers[0].imageDigest'
}
deployed() { aws ecs describe-services --cluster lab --services "$1" --query 'services[0].taskDefinition' | sed 's,.*/,,'; }
