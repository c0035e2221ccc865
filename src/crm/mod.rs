//! ADAPTER. Qontak CRM: requests, answers, templates (`info`), the company's token. Implements `actors::outside::Crm`.
