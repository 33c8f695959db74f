"""The webhook: admission of pods and resources, and the certificates it is trusted by.

    API server ── AdmissionReview ──► routes ──► injection    a pod → the pod with the gateway in it
                                        │   └──► validation   a resource or pod → allowed, or why not
                                        ▼
                                     cluster ◄── certificates: CA and serving certificate
                               (the API server,       │
                                as little as needed)  └──► TLS of new connections, caBundle, expiry metric

injection      pure: pod, template, server version and namespace in; patch, or why there is none, out
probes         what the engine is told about the application's probes (the contract with the engine)
validation     pure: what is wrong with an object, as the compiler says it
review         AdmissionReview v1 as the API server sends and expects it
cluster        the few requests to the API server, behind a protocol
certificates   pure life of CA and serving certificate; around it the loop that stores and distributes
app, routes    FastAPI; main, settings: the process
"""
