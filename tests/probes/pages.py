"""Small pages with the names and labels of engines and gateways of which no capture is at hand."""

from __future__ import annotations

TGI = """
tgi_batch_current_size 3
tgi_queue_size 7
tgi_request_success{method="generate_stream"} 90
tgi_request_failure{err="overloaded"} 4
tgi_request_failure{err="validation"} 2
tgi_request_failure{err="generation"} 1
tgi_request_input_length_sum 18000
tgi_request_generated_tokens_sum 9000
tgi_request_queue_duration_bucket{le="0.01"} 80
tgi_request_queue_duration_bucket{le="+Inf"} 90
tgi_request_queue_duration_sum 3.2
tgi_request_queue_duration_count 90
"""

TRITON = """
nv_inference_request_success{model="ensemble",version="1"} 100
nv_inference_request_success{model="preprocessing",version="1"} 100
nv_inference_request_success{model="tensorrt_llm",version="1"} 100
nv_inference_request_failure{model="ensemble",reason="REJECTED",version="1"} 3
nv_inference_request_failure{model="tensorrt_llm",reason="REJECTED",version="1"} 3
nv_inference_request_duration_us{model="ensemble",version="1"} 250000000
nv_inference_request_duration_us{model="tensorrt_llm",version="1"} 240000000
nv_inference_queue_duration_us{model="tensorrt_llm",version="1"} 5000000
nv_trt_llm_request_metrics{model="tensorrt_llm",request_type="scheduled",version="1"} 12
nv_trt_llm_request_metrics{model="tensorrt_llm",request_type="waiting",version="1"} 5
nv_trt_llm_request_metrics{model="tensorrt_llm",request_type="max",version="1"} 512
nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="fraction",model="tensorrt_llm",version="1"} 0.25
nv_trt_llm_kv_cache_block_metrics{kv_cache_block_type="max",model="tensorrt_llm",version="1"} 6239
nv_inference_first_response_histogram_ms_bucket{model="ensemble",version="1",le="100"} 40
nv_inference_first_response_histogram_ms_bucket{model="ensemble",version="1",le="+Inf"} 100
nv_inference_first_response_histogram_ms_sum{model="ensemble",version="1"} 12000
nv_inference_first_response_histogram_ms_count{model="ensemble",version="1"} 100
nv_gpu_utilization{gpu_uuid="GPU-1"} 0.75
nv_gpu_power_usage{gpu_uuid="GPU-1"} 250.5
"""

LLAMACPP = """
llamacpp:prompt_tokens_total 1200
llamacpp:tokens_predicted_total 400
llamacpp:tokens_predicted_seconds_total 8
llamacpp:requests_processing 2
llamacpp:requests_deferred 1
"""

DYNAMO = """
dynamo_frontend_inflight_requests{model="m"} 12
dynamo_frontend_queued_requests{model="m"} 4
dynamo_frontend_requests_total{endpoint="chat",error_type="",model="m",request_type="stream",status="success"} 90
dynamo_frontend_requests_total{endpoint="chat",error_type="overload",model="m",request_type="stream",status="error"} 6
dynamo_frontend_requests_total{endpoint="chat",error_type="cancelled",model="m",request_type="stream",status="error"} 3
dynamo_frontend_requests_total{endpoint="chat",error_type="internal",model="m",request_type="stream",status="error"} 1
dynamo_frontend_output_tokens_total{model="m"} 7000
dynamo_frontend_input_sequence_tokens_sum{model="m"} 9000
dynamo_frontend_time_to_first_token_seconds_bucket{model="m",le="0.5"} 80
dynamo_frontend_time_to_first_token_seconds_bucket{model="m",le="+Inf"} 90
dynamo_frontend_time_to_first_token_seconds_sum{model="m"} 27
dynamo_frontend_time_to_first_token_seconds_count{model="m"} 90
"""

NIM = """
num_requests_running{model_name="m"} 3
num_requests_waiting{model_name="m"} 2
num_request_max{model_name="m"} 256
gpu_cache_usage_perc{model_name="m"} 0.5
prompt_tokens_total{model_name="m"} 800
generation_tokens_total{model_name="m"} 500
request_success_total{model_name="m"} 40
request_finish_total{finished_reason="stop",model_name="m"} 30
request_finish_total{finished_reason="length",model_name="m"} 10
"""

RAY = """
ray_vllm_num_requests_running{ReplicaId="a",model_name="m"} 3
ray_vllm_num_requests_running{ReplicaId="b",model_name="m"} 4
ray_vllm_kv_cache_usage_perc{ReplicaId="a",model_name="m"} 0.5
ray_vllm_kv_cache_usage_perc{ReplicaId="b",model_name="m"} 0.75
ray_vllm_generation_tokens_total{ReplicaId="a",model_name="m"} 600
ray_vllm_request_success_total{ReplicaId="a",finished_reason="stop",model_name="m"} 20
ray_serve_num_http_requests_total{method="POST",route="/v1",status_code="200"} 20
ray_serve_num_http_requests_total{method="POST",route="/v1",status_code="503"} 5
ray_serve_num_http_requests_total{method="GET",route="/-/routes",status_code="200"} 900
ray_serve_http_request_latency_ms_bucket{route="/v1",le="500.0"} 10
ray_serve_http_request_latency_ms_bucket{route="/v1",le="+Inf"} 25
ray_serve_http_request_latency_ms_sum{route="/v1"} 30000
ray_serve_http_request_latency_ms_count{route="/v1"} 25
"""

NGINX = """
nginx_ingress_controller_requests{ingress="chat",method="POST",namespace="a",status="200"} 90
nginx_ingress_controller_requests{ingress="chat",method="POST",namespace="a",status="429"} 4
nginx_ingress_controller_requests{ingress="chat",method="POST",namespace="a",status="499"} 3
nginx_ingress_controller_requests{ingress="chat",method="POST",namespace="a",status="504"} 2
nginx_ingress_controller_requests{ingress="other",method="POST",namespace="a",status="502"} 50
nginx_ingress_controller_request_duration_seconds_bucket{ingress="chat",le="1"} 50
nginx_ingress_controller_request_duration_seconds_bucket{ingress="chat",le="+Inf"} 99
nginx_ingress_controller_request_duration_seconds_sum{ingress="chat"} 200
nginx_ingress_controller_request_duration_seconds_count{ingress="chat"} 99
"""


def _istio(reporter: str, code: str, flags: str, value: float, workload: str = "web") -> str:
    return (
        f'istio_requests_total{{reporter="{reporter}",response_code="{code}",response_flags="{flags}",'
        f'source_workload="{workload}",source_principal="spiffe://td/ns/a/sa/b",destination_service_name="chat"}} {value}\n'
    )


ISTIO = (
    _istio("source", "200", "-", 80)
    + _istio("source", "200", "-", 10, "mobile")
    + _istio("source", "503", "UO", 4)
    + _istio("source", "504", "UT", 3)
    + _istio("source", "0", "DC", 2)
    + _istio("source", "429", "-", 1)
    + _istio("destination", "200", "-", 88)
    + """
istio_request_duration_milliseconds_bucket{reporter="source",le="250"} 70
istio_request_duration_milliseconds_bucket{reporter="source",le="+Inf"} 100
istio_request_duration_milliseconds_sum{reporter="source"} 30000
istio_request_duration_milliseconds_count{reporter="source"} 100
istio_request_duration_milliseconds_bucket{reporter="destination",le="250"} 70
istio_request_duration_milliseconds_bucket{reporter="destination",le="+Inf"} 88
istio_request_duration_milliseconds_sum{reporter="destination"} 20000
istio_request_duration_milliseconds_count{reporter="destination"} 88
"""
)

ENVOY = """
envoy_cluster_upstream_rq{envoy_cluster_name="chat",envoy_response_code="200"} 90
envoy_cluster_upstream_rq{envoy_cluster_name="chat",envoy_response_code="503"} 4
envoy_cluster_upstream_rq{envoy_cluster_name="chat",envoy_response_code="504"} 2
envoy_cluster_upstream_rq{envoy_cluster_name="embed",envoy_response_code="200"} 1000
envoy_cluster_upstream_rq{envoy_cluster_name="xds_cluster",envoy_response_code="200"} 7
envoy_cluster_upstream_rq_xx{envoy_cluster_name="chat",envoy_response_code_class="2"} 90
envoy_cluster_upstream_rq_xx{envoy_cluster_name="chat",envoy_response_code_class="5"} 6
envoy_cluster_upstream_rq_pending_overflow{envoy_cluster_name="chat"} 4
envoy_http_local_rate_limit_rate_limited{envoy_local_http_ratelimit_prefix="in"} 5
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="chat",le="0.5"} 0
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="chat",le="250"} 60
envoy_cluster_upstream_rq_time_bucket{envoy_cluster_name="chat",le="+Inf"} 96
envoy_cluster_upstream_rq_time_sum{envoy_cluster_name="chat"} 40000
envoy_cluster_upstream_rq_time_count{envoy_cluster_name="chat"} 96
envoy_http_downstream_rq_active{envoy_http_conn_manager_prefix="ingress_http"} 9
envoy_http_downstream_rq_active{envoy_http_conn_manager_prefix="admin"} 1
"""


def _gen_ai(operation: str, value: float, **more: str) -> str:
    labels = {"gen_ai_operation_name": operation, "gen_ai_request_model": "m", **more}
    inner = ",".join(f'{name}="{text}"' for name, text in labels.items())
    family = "gen_ai_client_operation_duration_seconds"
    return (
        f'{family}_bucket{{{inner},le="0.64"}} {value / 2}\n{family}_bucket{{{inner},le="+Inf"}} {value}\n'
        f"{family}_sum{{{inner}}} {value * 0.7}\n{family}_count{{{inner}}} {value}\n"
    )


OTEL = (
    _gen_ai("chat", 90)
    + _gen_ai("chat", 4, error_type="APITimeoutError")
    + _gen_ai("chat", 3, error_type="openai.RateLimitError")
    + _gen_ai("chat", 2, error_type="500")
    + _gen_ai("embeddings", 1000)
    + _gen_ai("retrieval", 60)
    + """
gen_ai_client_token_usage_sum{gen_ai_operation_name="chat",gen_ai_request_model="m",gen_ai_token_type="input"} 9000
gen_ai_client_token_usage_count{gen_ai_operation_name="chat",gen_ai_request_model="m",gen_ai_token_type="input"} 90
gen_ai_client_token_usage_sum{gen_ai_operation_name="chat",gen_ai_request_model="m",gen_ai_token_type="output"} 4000
gen_ai_client_token_usage_count{gen_ai_operation_name="chat",gen_ai_request_model="m",gen_ai_token_type="output"} 90
gen_ai_server_time_to_first_token_seconds_bucket{gen_ai_request_model="m",le="0.25"} 40
gen_ai_server_time_to_first_token_seconds_bucket{gen_ai_request_model="m",le="+Inf"} 90
gen_ai_server_time_to_first_token_seconds_sum{gen_ai_request_model="m"} 30
gen_ai_server_time_to_first_token_seconds_count{gen_ai_request_model="m"} 90
"""
)
